from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "stateward.gate.keys"
    label = "keys"

    def ready(self) -> None:
        from stateward.gate.keys import checks  # noqa: F401, PLC0415  # registers them
