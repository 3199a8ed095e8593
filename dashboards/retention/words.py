"""Rules and holds in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from governance.retention.queries import RuleState
from governance.retention.resolution import Verdict
from governance.retention.terms import NEVER, Clock, Scope, Terms
from stateward.state.models import Hold

CLOCK_WORDS: dict[Clock, str] = {
    "created": "it was created",
    "modified": "it was last written",
    "ended": "it was deleted or expired",
}
STATE_WORDS = {
    "in_force": ("ok", "In force"),
    "waiting": ("warn", "Waits"),
    "changing": ("warn", "Changes"),
    "ending": ("warn", "Ends soon"),
    "ended": ("", "Ended"),
}


def days(count: int) -> str:
    """``365`` → ``1 year``, where it is whole years; else days."""
    if count and count % 365 == 0:
        years = count // 365
        return "1 year" if years == 1 else f"{years:,} years"
    return "1 day" if count == 1 else f"{count:,} days"


def says(terms: Terms) -> str:
    """What the rule does: ``Delete 30 days after it was created``."""
    if terms.kind == "retain":
        return f"Keep until {days(terms.days)} after {CLOCK_WORDS[terms.clock]}"
    if terms.days == 0:
        return f"Delete as soon as {CLOCK_WORDS[terms.clock]}"
    return f"Delete {days(terms.days)} after {CLOCK_WORDS[terms.clock]}"


def about(scope: Scope) -> str:
    """What it is about: ``keys case-* in airline.bookings and beneath``."""
    parts = []
    if scope.key_pattern:
        parts.append(f"keys {scope.key_pattern}")
    if scope.label:
        parts.append(f"entries labelled {scope.label}")
    if scope.classification:
        parts.append(f"what is {scope.classification}")
    where = f"in {scope.namespace} and beneath" if scope.namespace else "in every namespace"
    return f"{' and '.join(parts) or 'everything'} {where}"


def kept_by(hold: Hold) -> str:
    """What a hold covers."""
    parts = []
    if hold.key_pattern:
        parts.append(f"keys {hold.key_pattern}")
    if hold.custodian_id:
        parts.append(f"what {hold.custodian_name} wrote")
    where = f"in {hold.namespace} and beneath" if hold.namespace else "in every namespace"
    return f"{', of '.join(parts) or 'everything'} {where}"


def rules_said(rules: Sequence[RuleState], unruled: int, namespaces_word: str) -> str:
    """How things stand, in a sentence."""
    alive = [one for one in rules if one.word != "ended"]
    if not alive:
        return "No rule yet: everything is kept until somebody deletes it."
    in_force = sum(one.terms_in_force is not None for one in alive)
    waiting = sum(one.standing.pending is not None for one in alive)
    text = f"{in_force} {'rule' if in_force == 1 else 'rules'} in force"
    if waiting:
        text += f", {waiting} with a change that waits"
    if unruled:
        return f"{text}; {unruled} {namespaces_word} kept without a rule."
    return f"{text}; every namespace has one."


def becomes(verdict: Verdict) -> str:
    """What the rules come to for one key."""
    rule = verdict.delete_by.name if verdict.delete_by else ""
    keeper = verdict.retain_by.name if verdict.retain_by else ""
    past = f"{rule} would delete it by now"
    words = {
        "unruled": "No rule is about it: it is kept.",
        "held": f"{past}; a hold keeps it.",
        "retained": f"{past}; {keeper} keeps it.",
        "due": f"{rule} deletes it with the next sweep.",
        "waiting": f"{rule} deletes it when its time comes.",
        "kept": f"{keeper} keeps it, and no rule deletes it.",
    }
    if verdict.state == "kept" and rule:
        return f"{rule} deletes it some time after it ends."
    return words[verdict.state]


def retained_until(verdict: Verdict) -> datetime | None:
    """A date one can show; None while the clock has not begun."""
    until = verdict.retain_until
    return None if until == NEVER else until
