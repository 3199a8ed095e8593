"""Findings and suggestions in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards import figures
from governance.classification.advice import RANK
from governance.classification.models import ClassificationRule, ClassificationSuggestion
from governance.classification.queries import Overview
from stateward.state.detectors.kinds import GROUPS, KINDS

GROUP_WORDS = {"personal": "personal data", "payment": "payment data", "secret": "secrets"}
STATE_WORDS = {
    "open": ("warn", "Open"),
    "accepted": ("ok", "Accepted"),
    "dismissed": ("", "Dismissed"),
    "raised": ("ok", "Raised by rule"),
    "void": ("", "Void"),
}
SCAN_WORDS = {
    "queued": ("", "Waits"),
    "running": ("accent", "Running"),
    "done": ("ok", "Done"),
    "failed": ("bad", "Failed"),
    "cancelled": ("", "Cancelled"),
}


def title_of(kind: str) -> str:
    return KINDS[kind].title if kind in KINDS else kind


def entries_said(count: int) -> str:
    return f"{figures.whole(count)} {'entry' if count == 1 else 'entries'}"


def why(suggestion: ClassificationSuggestion) -> str:
    """``Card number in 3 entries, E-mail address in 12 entries``: what speaks for it."""
    said = [
        f"{title_of(one['kind'])} in {entries_said(one['entries'])}" for one in suggestion.kinds
    ]
    shown = ", ".join(said[:3])
    rest = len(said) - 3
    return f"{shown} and {rest} more" if rest > 0 else shown


def board_said(open_count: int, overviews: Sequence[Overview]) -> str:
    """How things stand, in one sentence."""
    if not overviews:
        return "There is no namespace yet that could be looked through."
    unseen = sum(one.standing is None for one in overviews)
    looked = len(overviews) - unseen
    if not looked:
        return "Nothing was looked through yet: what the namespaces hold is not known."
    if open_count:
        noun, verb = ("namespace", "holds") if open_count == 1 else ("namespaces", "hold")
        first = f"{figures.whole(open_count)} {noun} {verb} more than the classification says"
    else:
        first = "No namespace holds more than its classification says"
    second = "every one was looked through" if not unseen else f"{unseen:,} never looked through"
    return f"{first}; {second}."


def is_low(one: Overview) -> bool:
    """Whether something was found that asks for more than the namespace has."""
    own = RANK.get(one.namespace.classification, 0)
    return any(RANK[KINDS[each.kind].asks_for] > own for each in one.tallies if each.kind in KINDS)


def by_kind(overviews: Sequence[Overview]) -> list[dict[str, Any]]:
    """Each kind with how many entries of how many namespaces hold it, the commonest first."""
    found: dict[str, dict[str, Any]] = {}
    for one in overviews:
        for tally in one.tallies:
            row = found.setdefault(
                tally.kind, {"title": title_of(tally.kind), "entries": 0, "namespaces": 0, "low": 0}
            )
            row["entries"] += tally.entries
            row["namespaces"] += 1
            asks = KINDS[tally.kind].asks_for if tally.kind in KINDS else "public"
            row["low"] += RANK[asks] > RANK.get(one.namespace.classification, 0)
            row["asks_for"] = asks
    return sorted(found.values(), key=lambda row: -row["entries"])


def rule_says(rule: ClassificationRule) -> str:
    """``Personal data and secrets from 60 % on raise the classification.``"""
    words = [GROUP_WORDS.get(one) or title_of(one).lower() for one in rule.kinds]
    if not words or set(rule.kinds) >= set(GROUPS):
        what = "Everything that is looked for"
    elif len(words) == 1:
        what = words[0]
    else:
        what = f"{', '.join(words[:-1])} and {words[-1]}"
    does = "raises the classification" if rule.acts == "raise" else "is suggested for"
    entries = f" in {entries_said(rule.min_entries)} or more" if rule.min_entries > 1 else ""
    return f"{what[0].upper()}{what[1:]}, from {rule.min_score} % on{entries}, {does}."
