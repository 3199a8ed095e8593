from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "stateward.operations"
    label = "operations"

    def ready(self) -> None:
        from stateward.operations import checks  # noqa: F401, PLC0415  # registered by import
