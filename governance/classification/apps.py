from django.apps import AppConfig


class ClassificationConfig(AppConfig):
    name = "governance.classification"
    label = "classification"
    verbose_name = "What state holds, and how closely it is kept for that"
