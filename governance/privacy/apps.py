from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "governance.privacy"
    label = "privacy"
    verbose_name = "What is kept of a person, and what a person may ask for"

    def ready(self) -> None:
        from governance.privacy.services import erasing  # noqa: F401, PLC0415  # registers its kind
