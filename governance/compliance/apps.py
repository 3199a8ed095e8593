from importlib import import_module

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "governance.compliance"
    label = "compliance"

    def ready(self) -> None:
        import_module("governance.compliance.checks")  # registers them
