"""How severities, states and steps of an alert are shown."""

from __future__ import annotations

from governance.detection.models import Alert

TONES = {"low": "", "medium": "warn", "high": "bad", "critical": "bad"}
STATES = {
    "open": ("accent", "Open", "bell"),
    "acknowledged": ("", "Acknowledged", "eye"),
    "resolved": ("ok", "Resolved", "check"),
}
EVENTS = {
    "opened": ("Opened by its rule", "bell"),
    "grew": ("More of the same was found", "plus"),
    "acknowledged": ("Acknowledged", "eye"),
    "assigned": ("Handed on", "person"),
    "resolved": ("Resolved", "check"),
    "reopened": ("Opened again", "undo"),
}


def standing_of(alert: Alert) -> str:
    """The state in a sentence."""
    owner = str(alert.owner.person) if alert.owner else "nobody yet"
    if alert.state == Alert.State.RESOLVED:
        return "It is resolved; what its rule finds from now on is a new alert."
    if alert.state == Alert.State.ACKNOWLEDGED:
        return f"{owner} looks after it."
    return f"It waits for somebody: its owner is {owner}."
