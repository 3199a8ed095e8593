from django.apps import AppConfig


class PolicyManagementConfig(AppConfig):
    name = "governance.policies"
    label = "policy_management"

    def ready(self) -> None:
        from governance.policies import approving  # noqa: F401, PLC0415  # registers its kinds
