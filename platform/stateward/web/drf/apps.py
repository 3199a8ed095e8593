from django.apps import AppConfig


class ControlPlaneConfig(AppConfig):
    name = "stateward.web.drf"
    label = "control_plane"
    verbose_name = "The control plane's HTTP plumbing"

    def ready(self) -> None:
        from stateward.web.drf import schema  # noqa: F401, PLC0415  # registers how credentials are described
