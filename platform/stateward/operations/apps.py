from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "stateward.operations"
    label = "operations"
