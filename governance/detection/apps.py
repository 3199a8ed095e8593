from django.apps import AppConfig


class DetectionConfig(AppConfig):
    name = "governance.detection"
    label = "detection"
    verbose_name = "Detection rules, and the alerts they raise"

    def ready(self) -> None:
        from governance.detection.examination import detection  # noqa: PLC0415  # needs models
        from stateward.operations.doctor.examine import EXAMINATIONS  # noqa: PLC0415

        EXAMINATIONS["detection"] = detection
