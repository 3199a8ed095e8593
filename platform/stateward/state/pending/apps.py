from django.apps import AppConfig


class PendingConfig(AppConfig):
    name = "stateward.state.pending"
    label = "pending"
    verbose_name = "Writes that wait for agreement"

    def ready(self) -> None:
        from stateward.state.pending import releasing  # noqa: F401, PLC0415  # registers its kind
