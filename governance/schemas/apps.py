from django.apps import AppConfig


class SchemasConfig(AppConfig):
    name = "governance.schemas"
    label = "schemas"
    verbose_name = "How schemas of namespaces change, and the values with them"
