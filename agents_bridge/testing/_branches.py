"""The fake server's branches: copies of a namespace, merged back key by key."""

from __future__ import annotations

from typing import Any, NamedTuple

from agents_bridge._wire import rfc3339
from agents_bridge.testing._entries import Answer, new_namespace
from agents_bridge.testing._modes import ABSENT, merged, same
from agents_bridge.testing._problems import Refusal, malformed, not_found, unprocessable
from agents_bridge.testing._requests import Asked, page
from agents_bridge.testing._store import (
    MEMBERS_OF_NAMESPACE,
    BranchOf,
    Preconditions,
    Space,
    Store,
)


class _Step(NamedTuple):
    """One write into the parent."""

    key: str
    value: Any  # ABSENT: deleted
    change: str
    both: bool


def branches(store: Store, asked: Asked, name: str) -> Answer:
    parent = store.space(name)
    if asked.method == "GET":
        found = [
            _document(one, space.branch)
            for one, space in sorted(store.spaces.items())
            if space.branch is not None and space.branch.parent == name
        ]
        return Answer(200, page(found, asked))
    given = asked.members("name", "checkpoint", required=("name",))
    if given.get("checkpoint") is not None:
        raise not_found()  # the fake keeps no checkpoints
    settings = {each: parent.settings[each] for each in MEMBERS_OF_NAMESPACE if each != "name"}
    new_namespace(store, {**settings, "name": given["name"]})
    values = _values(store, parent)
    space = store.space(given["name"])
    space.branch = BranchOf(name, store.clock(), values)
    for key, value in values.items():
        labels = store.current(parent, key).labels
        _write(store, given["name"], key, value, labels=labels)
    document = _document(given["name"], space.branch)
    filled = {"entries": len(values), "lost": [], "next_cursor": None}
    return Answer(201, {**document, **filled})


def branch(store: Store, asked: Asked, name: str) -> Answer:
    return Answer(200, _document(name, _branch(store, name)))


def merge(store: Store, asked: Asked, name: str) -> Answer:
    given = asked.members("dry_run", "prefer", "cursor")
    if given.get("prefer") not in {None, "branch", "parent"}:
        raise unprocessable("One of branch, parent.", "/prefer")
    if given.get("cursor") is not None:
        raise malformed("This is not a cursor.", "/cursor")
    of, space = _branch(store, name), store.space(name)
    steps, conflicts = _steps(store, of, space, given.get("prefer"))
    is_dry = bool(given.get("dry_run"))
    if conflicts and not is_dry:
        detail = "Branch and parent changed the same places since the branch began."
        raise Refusal(409, "branch_conflicts", detail, conflicts=conflicts)
    items = [
        {
            "key": step.key,
            "change": step.change,
            "version": None if is_dry else _write(store, of.parent, step.key, step.value),
            "both": step.both,
        }
        for step in steps
    ]
    if not is_dry:
        of.base = _values(store, space)
    told = {"dry_run": is_dry, "items": items, "conflicts": conflicts, "next_cursor": None}
    return Answer(200, told)


def _branch(store: Store, name: str) -> BranchOf:
    found = store.space(name).branch
    if found is None or found.parent not in store.spaces:
        raise not_found()
    return found


def _steps(
    store: Store, of: BranchOf, space: Space, prefer: str | None
) -> tuple[list[_Step], list[dict[str, Any]]]:
    """What the branch changed since its base, and where the parent changed the same."""
    mine, theirs = _values(store, space), _values(store, store.space(of.parent))
    steps: list[_Step] = []
    conflicts: list[dict[str, Any]] = []
    for key in sorted({*of.base, *mine}):
        was, ours, there = (side.get(key, ABSENT) for side in (of.base, mine, theirs))
        if same(was, ours):
            continue
        clashes: list[str] = []
        value = merged(was, there, ours, "", clashes)
        if clashes and prefer is None:
            conflicts.append({"key": key, "pointers": sorted(clashes)})
            continue
        if clashes:
            value = ours if prefer == "branch" else there
        if not same(value, there):
            change = "created" if there is ABSENT else "deleted" if value is ABSENT else "changed"
            steps.append(_Step(key, value, change, not same(was, there)))
    return steps, conflicts


def _values(store: Store, space: Space) -> dict[str, Any]:
    now = store.clock()
    newest = {key: kept[-1] for key, kept in space.keys.items()}
    return {key: one.value for key, one in sorted(newest.items()) if one.is_there(now)}


def _write(store: Store, name: str, key: str, value: Any, **given: Any) -> int:
    """Its version, whatever mode the namespace is in: a copy, or a merge, is none of its writes."""
    space = store.space(name)
    newest = space.keys[key][-1] if key in space.keys else None
    there = newest is not None and newest.is_there(store.clock())
    version = newest.version if newest is not None and there else None
    demands = Preconditions(if_match=version, only_if_absent=not there)
    operation = "delete" if value is ABSENT else "restore"
    stored, _ = store.write(
        name, key, operation, None if value is ABSENT else value, demands, **given
    )
    store.record("state.write", "allow", namespace=name, key=key, version=stored.version)
    return stored.version


def _document(name: str, of: BranchOf) -> dict[str, Any]:
    moment = rfc3339(of.at)
    return {
        "namespace": name,
        "parent": of.parent,
        "checkpoint": None,
        "base_at": moment,
        "created_at": moment,
    }
