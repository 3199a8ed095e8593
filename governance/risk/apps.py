from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "governance.risk"
    label = "risk"
    verbose_name = "The risk of each agent over time"
