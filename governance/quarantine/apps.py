from django.apps import AppConfig


class QuarantineConfig(AppConfig):
    name = "governance.quarantine"
    label = "quarantine"
    verbose_name = "Reviews of what a suspicious agent wrote"
