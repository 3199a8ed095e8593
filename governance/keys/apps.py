from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "governance.keys"
    label = "key_custody"
    verbose_name = "The life of keys"

    def ready(self) -> None:
        from governance.keys import approving, checks  # noqa: F401, PLC0415  # register themselves
