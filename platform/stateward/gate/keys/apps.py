from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "stateward.gate.keys"
    label = "keys"
