"""What is shown to the model: read with the caller's rights through the same queries as everything
else, masked, and cut to a size.

The model hears of entries by aliases (``e1``) and of versions by their numbers; what it cites is
looked up here again, so that an answer can only lead to what was shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from governance.assist.redaction import Masked
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Gone, NotFound
from stateward.kernel.flow import Flow
from stateward.state import queries
from stateward.state.configuration import NamespaceRules, load_configuration_for, namespace_rules
from stateward.state.entries import NO_LABELS, Entry, HistoryItem, Principal, parse_labels
from stateward.state.exceptions import NoSuchEntry
from stateward.state.judging import judge_for
from stateward.state.statements import Found, Read
from stateward.tenancy.actors import Actor, Call

MOST_VERSIONS = 20
MOST_CHANGES = 6
MOST_ENTRIES = 60
MOST_VALUE = 8_000  # characters of one value
MOST_CHARACTERS = 24_000  # of the whole document
WITHHELD = "restricted"


@dataclass(slots=True)
class Material:
    """A document for the model, what it is about, and what it may cite."""

    document: dict[str, Any]
    decision: Decision
    about: Resource
    resource_id: str
    rules: NamespaceRules | None = None
    key: str | None = None
    masked: Masked = field(default_factory=Masked)
    versions: tuple[int, ...] = ()
    entries: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return json.dumps(self.document, ensure_ascii=False)


def about_entry(actor: Actor, call: Call, namespace: str, key: str) -> Flow[Material]:
    """One entry, its history and its latest changes. 403 or 404 where any of it is not the
    caller's to read.
    """
    rules, decision, about = yield from _permitted(actor, call, namespace, key)
    page = yield from queries.entry_history(actor, call, namespace, key, limit=MOST_VERSIONS)
    masked = Masked()
    document: dict[str, Any] = {
        "namespace": masked.text(namespace),
        "key": masked.text(key),
        "classification": rules.classification,
        "history": [_revision(item, masked) for item in page.items],
        "older_versions_left_out": page.next_before is not None,
    }
    if rules.classification == WITHHELD:
        document["value"] = masked.whole("restricted value")
    else:
        document["value"] = yield from _present_value(actor, call, rules, key, masked)
        document["changes"] = yield from _changes(
            actor, call, rules, key, items=page.items, masked=masked
        )
        _fit(document, "changes")
    _fit(document, "history")
    versions = tuple(one["version"] for one in document["history"])
    return Material(document, decision, about, str(rules.id), rules, key, masked, versions)


def about_namespace(actor: Actor, call: Call, namespace: str) -> Flow[Material]:
    """The first entries of a namespace that the caller may read, in order of their keys."""
    rules, decision, about = yield from _permitted(actor, call, namespace, None)
    with_values = rules.classification != WITHHELD
    page = yield from queries.list_entries(
        actor, call, namespace, limit=MOST_ENTRIES, with_values=with_values
    )
    masked = Masked()
    room = MOST_CHARACTERS // 2 // max(len(page.entries), 1)
    document: dict[str, Any] = {
        "namespace": masked.text(namespace),
        "classification": rules.classification,
        "entries": [
            _listed(f"e{number}", entry, rules, masked, room)
            for number, entry in enumerate(page.entries, start=1)
        ],
        "more_entries_left_out": page.next_after is not None,
    }
    _fit(document, "entries")
    shown = {one["id"] for one in document["entries"]}
    entries = {
        f"e{number}": entry.key
        for number, entry in enumerate(page.entries, start=1)
        if f"e{number}" in shown
    }
    return Material(document, decision, about, str(rules.id), rules, masked=masked, entries=entries)


def _permitted(
    actor: Actor, call: Call, namespace: str, key: str | None
) -> Flow[tuple[NamespaceRules, Decision, Resource]]:
    """Whether the caller may use the model on this at all."""
    configuration = yield from load_configuration_for(actor, max_age=0)
    rules = yield from namespace_rules(configuration, namespace)
    judge = yield from judge_for(configuration, actor, call)
    about = rules.resource()
    if key is not None:
        rows = yield Read(actor.tenant_id, rules.id, key)
        about = rules.entry(key, parse_labels(Found(*rows[0]).labels) if rows else NO_LABELS)
    decision = yield from judge.require("model.use", rules, about)
    return rules, decision, about


def _present_value(
    actor: Actor, call: Call, rules: NamespaceRules, key: str, masked: Masked
) -> Flow[Any]:
    try:
        found = yield from queries.get_entry(actor, call, rules.name, key)
    except NoSuchEntry:
        return "[deleted]"
    assert isinstance(found, Entry)  # noqa: S101  # nobody said which version they have
    return _shortened(masked.value(found.value, rules.classification), MOST_VALUE)


def _changes(
    actor: Actor,
    call: Call,
    rules: NamespaceRules,
    key: str,
    *,
    items: list[HistoryItem],
    masked: Masked,
) -> Flow[list[dict[str, Any]]]:
    """The newest changes as patches, where both values are still there."""
    found = []
    for newer, older in list(pairwise(items))[:MOST_CHANGES]:
        try:
            diff = yield from queries.entry_diff(
                actor, call, rules.name, key, before=older.version, after=newer.version
            )
        except (Gone, NotFound):
            continue
        patch = [_operation(one, rules, masked) for one in diff.patch]
        change = {"from": older.version, "to": newer.version}
        found.append(change | {"patch": _shortened(patch, MOST_VALUE // 2)})
    return found


def _operation(one: dict[str, Any], rules: NamespaceRules, masked: Masked) -> dict[str, Any]:
    """An operation of a patch. What it sets is masked as the member it sets would be."""
    shown: dict[str, Any] = {
        name: masked.text(str(one[name])) for name in ("op", "path", "from") if name in one
    }
    if "value" in one:
        member = str(one.get("path", "")).rpartition("/")[2]
        inside = masked.value({member: one["value"]}, rules.classification)
        shown["value"] = next(iter(inside.values())) if isinstance(inside, dict) else inside
    return shown


def _listed(
    alias: str, entry: Entry, rules: NamespaceRules, masked: Masked, room: int
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": alias,
        "key": masked.text(entry.key),
        "version": entry.version,
        "created_at": rfc3339(entry.created_at),
        "updated_at": rfc3339(entry.updated_at),
        "by": _who(entry.updated_by, masked),
        "size_bytes": entry.size_bytes,
    }
    if entry.data is not None:
        value = masked.value(entry.value, rules.classification)
        shown["value"] = _shortened(value, max(room - 250, 100))
    return shown


def _revision(item: HistoryItem, masked: Masked) -> dict[str, Any]:
    return {
        "version": item.version,
        "operation": item.operation,
        "at": rfc3339(item.at),
        "by": _who(item.actor, masked),
        "note": masked.text(item.note) if item.note else None,
        "size_bytes": item.size_bytes,
    }


def _who(principal: Principal, masked: Masked) -> str:
    """A program by its name; a person by none."""
    if principal.type == "member":
        return "a member"
    return f"{principal.type} {masked.text(principal.name or '')}".strip()


def _shortened(value: Any, most: int) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= most else f"{text[:most]}… [cut: {len(text):,} characters]"


def _fit(document: dict[str, Any], member: str) -> None:
    """Drop the last of a list, newest first, until the document has its size."""
    for size in _sizes(document):
        if size <= MOST_CHARACTERS or not document[member]:
            return
        document[member].pop()


def _sizes(document: dict[str, Any]) -> Iterator[int]:
    while True:
        yield len(json.dumps(document, ensure_ascii=False))
