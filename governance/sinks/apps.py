from django.apps import AppConfig


class SinksConfig(AppConfig):
    name = "governance.sinks"
    label = "sinks"
    verbose_name = "Places outside that the audit is copied to"
