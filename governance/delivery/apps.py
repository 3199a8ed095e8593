from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "governance.delivery"
    label = "delivery"
    verbose_name = "Where alerts are sent"
