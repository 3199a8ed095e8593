from django.apps import AppConfig


class StateConfig(AppConfig):
    name = "stateward.state"
    label = "state"
