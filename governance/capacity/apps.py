from django.apps import AppConfig


class CapacityConfig(AppConfig):
    name = "governance.capacity"
    label = "capacity"
