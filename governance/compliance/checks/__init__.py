"""The checks. Importing this package registers every one of them."""

from governance.compliance.checks import (
    agents,
    audit_log,
    backups,
    capacity,
    classification,
    credentials,
    keys,
    people,
    policies,
    privacy,
    probes,
    retention,
    rights,
    state,
    transport,
)

__all__ = [
    "agents",
    "audit_log",
    "backups",
    "capacity",
    "classification",
    "credentials",
    "keys",
    "people",
    "policies",
    "privacy",
    "probes",
    "retention",
    "rights",
    "state",
    "transport",
]
