from django.apps import AppConfig


class DetectionConfig(AppConfig):
    name = "governance.detection"
    label = "detection"
    verbose_name = "Detection rules, and the alerts they raise"
