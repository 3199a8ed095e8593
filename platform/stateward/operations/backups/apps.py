from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class BackupsConfig(AppConfig):
    name = "stateward.operations.backups"
    label = "backups"

    def ready(self) -> None:
        autodiscover_modules("governed")
