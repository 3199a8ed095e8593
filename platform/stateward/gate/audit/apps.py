from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "stateward.gate.audit"
    label = "audit"
