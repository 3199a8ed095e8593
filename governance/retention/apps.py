from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "governance.retention"
    label = "retention"
    verbose_name = "How long state is kept, and what holds keep"

    def ready(self) -> None:
        from governance.retention import approving, checks  # noqa: F401, PLC0415  # registers them
