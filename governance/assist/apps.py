from django.apps import AppConfig


class AssistConfig(AppConfig):
    name = "governance.assist"
    label = "assist"

    def ready(self) -> None:
        from governance.assist import checks, governed  # noqa: F401, PLC0415  # they register
