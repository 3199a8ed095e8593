from django.apps import AppConfig


class PolicyManagementConfig(AppConfig):
    name = "governance.policies"
    label = "policy_management"
