from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "stateward.operations.metrics"
    label = "metrics"
