from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "stateward.tenancy"
    label = "tenancy"
    verbose_name = "Tenants, members, agents and credentials"
