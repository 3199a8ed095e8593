"""Masking: a namespace may ask that personal data and secrets in its values are shown only to who
may decrypt restricted values (``state.decrypt_restricted``). Others who may read get the value with
a mask in place of each, wherever they read it: as it is, as it was, as a difference, as a change.

What is masked is found anew in each value that is shown, so it does not depend on a scan having
been there, and an old version is masked as the newest one is. A restricted namespace shows its
values to nobody else anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import Fault
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.detectors.kinds import kinds_of
from stateward.state.detectors.masking import Masked, holds_mask, mask
from stateward.state.entries import Entry
from stateward.state.exceptions import MaskedForYou, MaskedValue
from stateward.state.judging import Judge
from stateward.state.rendering import exact
from stateward.state.services.changes import Action, Change, Patch, Put

NOTHING: frozenset[str] = frozenset()
LEAKING = frozenset({"test", "copy", "move"})  # operations of a JSON Patch that tell what is there


def masked_for(
    configuration: TenantConfiguration,
    judge: Judge | None,
    rules: NamespaceRules,
    key: str,
    *labels: Mapping[str, Any],
) -> frozenset[str]:
    """The kinds that are masked for this caller in this entry, under any of the labels it has or
    had; where nothing was decided about the caller, all that the namespace asks for.
    """
    if not configuration.masks:
        return NOTHING
    return masked_in(configuration, judge, rules, [rules.entry(key, one) for one in labels])


def masked_in(
    configuration: TenantConfiguration,
    judge: Judge | None,
    rules: NamespaceRules,
    resources: Iterable[Resource],
) -> frozenset[str]:
    """The same of an entry as decisions see it."""
    asked = configuration.masks.get(rules.id)
    if not asked:
        return NOTHING
    if judge is not None and all(
        judge.decide("state.decrypt_restricted", one).allowed for one in resources
    ):
        return NOTHING
    return kinds_of(frozenset(asked))


def masked_value(value: Any, kinds: frozenset[str]) -> Any:
    return mask(value, kinds).value if kinds else value


def masked_entry(entry: Entry, kinds: frozenset[str]) -> Entry:
    """The entry as it is shown; ``masked`` names the places."""
    if not kinds or entry.data is None:
        return entry
    shown: Masked = mask(entry.value, kinds)
    if not shown.places:
        return entry
    return entry._replace(data=exact(shown.value), masked=shown.places)


def check_masks(
    configuration: TenantConfiguration,
    judge: Judge | None,
    rules: NamespaceRules,
    *,
    key: str,
    change: Change,
    labels: Mapping[str, Any],
) -> None:
    """Refuse a change that would write a mask as if it were the value, or would tell what is
    masked.
    """
    if not configuration.masks.get(rules.id):
        return
    if type(change) is Put:
        _refuse_masks(change.value)
    elif isinstance(change, Action):
        _refuse_masks(change.payload)
    elif isinstance(change, Patch):
        _refuse_masks(change.document)
        if not change.is_merge and masked_for(configuration, judge, rules, key, labels):
            _refuse_leaks(change.document)


def _refuse_masks(value: Any) -> None:
    """MaskedValue (422) for a value that was read with masks and would be written with them: what
    they stand for would be lost.
    """
    place = holds_mask(value)
    if place is not None:
        raise MaskedValue(errors=(Fault(f"/value{place}", "a mask, not a value"),))


def _refuse_leaks(document: Any) -> None:
    """MaskedForYou (403) for a JSON Patch that would tell somebody what is masked for them."""
    if isinstance(document, list) and any(
        isinstance(one, Mapping) and one.get("op") in LEAKING for one in document
    ):
        raise MaskedForYou
