from django.apps import AppConfig


class SequenceConfig(AppConfig):
    name = "stateward.gate.sequence"
    label = "sequence"
