from django.apps import AppConfig


class SinksConfig(AppConfig):
    name = "governance.sinks"
    label = "sinks"
    verbose_name = "Places outside that the audit is copied to"

    def ready(self) -> None:
        from governance.sinks.examination import sinks  # noqa: PLC0415  # needs models
        from stateward.operations.doctor.examine import EXAMINATIONS  # noqa: PLC0415

        EXAMINATIONS["sinks"] = sinks
