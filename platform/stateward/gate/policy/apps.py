from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    name = "stateward.gate.policy"
    label = "policy"
