from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "stateward.gate.approvals"
    label = "approvals"

    def ready(self) -> None:
        from stateward.gate.approvals import settings  # noqa: F401, PLC0415  # registers its kind
