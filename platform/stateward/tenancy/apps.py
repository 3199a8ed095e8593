from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "stateward.tenancy"
    label = "tenancy"
    verbose_name = "Tenants, members, agents and credentials"

    def ready(self) -> None:
        from stateward.tenancy.accounts import receivers  # noqa: F401, PLC0415  # connects them
