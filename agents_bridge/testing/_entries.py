"""The fake server's namespaces and entries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from agents_bridge._wire import rfc3339
from agents_bridge.testing._modes import ABSENT, acted, merged
from agents_bridge.testing._past import cut_of, entries_at, position
from agents_bridge.testing._patch import difference, json_patch, merge_patch
from agents_bridge.testing._problems import Refusal, malformed, not_found, unprocessable
from agents_bridge.testing._requests import Asked, page
from agents_bridge.testing._store import (
    MEMBERS_OF_NAMESPACE,
    Preconditions,
    Space,
    Store,
    Stored,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9][a-z0-9_-]{0,62}){0,9}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PATCHES = {
    "application/merge-patch+json": merge_patch,
    "application/json-patch+json": json_patch,
}


@dataclass(slots=True)
class Answer:
    """What a handler answers; ``None`` is no body."""

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def namespaces(store: Store, asked: Asked) -> Answer:
    if asked.method == "GET":
        prefix = asked.query.get("prefix", "")
        names = sorted(name for name in store.spaces if name.startswith(prefix))
        return Answer(200, page([store.spaces[name].settings for name in names], asked))
    given = asked.members(*MEMBERS_OF_NAMESPACE, required=("name",))
    return Answer(201, new_namespace(store, given))


def new_namespace(store: Store, given: dict[str, Any]) -> dict[str, Any]:
    """Make a namespace; its settings."""
    name = given["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise unprocessable("This cannot be the name of a namespace.", "/name")
    if name in store.spaces:
        detail = "A namespace of this name exists already."
        raise Refusal(409, "namespace_exists", detail)
    _check_settings(given)
    now = rfc3339(store.clock())
    settings = {
        **MEMBERS_OF_NAMESPACE,
        **given,
        "owner": store.actor,
        "created_at": now,
        "updated_at": now,
    }
    store.spaces[name] = Space(settings)
    store.record("namespace.create", "allow", namespace=name)
    return settings


def namespace(store: Store, asked: Asked, name: str) -> Answer:
    space = store.space(name)
    if asked.method == "PATCH":
        given = asked.members(*(set(MEMBERS_OF_NAMESPACE) - {"name"}))
        _check_settings(given)
        cleared = {key: MEMBERS_OF_NAMESPACE[key] for key, value in given.items() if value is None}
        space.settings.update({**given, **cleared, "updated_at": rfc3339(store.clock())})
        store.record("namespace.update", "allow", namespace=name)
    elif asked.method == "DELETE":
        live = [key for key in space.keys if _present(store, space, key)]
        if live and asked.query.get("force") != "true":
            detail = "The namespace has entries; delete it with ?force=true to remove them too."
            raise Refusal(409, "namespace_not_empty", detail)
        del store.spaces[name]
        store.record("namespace.delete", "allow", namespace=name)
        return Answer(204)
    return Answer(200, space.settings)


def entries(store: Store, asked: Asked, name: str) -> Answer:
    space = store.space(name)
    prefix, label = asked.query.get("prefix", ""), asked.query.get("label")
    values = asked.query.get("values") != "false"
    cut = cut_of(store, asked)
    there = _now(store, space) if cut is None else entries_at(store, name, cut)
    documents = [
        store.entry(name, key, stored, values=values)
        for key, stored in there.items()
        if key.startswith(prefix) and (label is None or _has_label(stored, label))
    ]
    if cut is None:
        return Answer(200, page(documents, asked))
    told = {**page(documents, asked), "lost": []}
    return Answer(200, told, {"Stateward-As-Of": position(cut)})


def entry(store: Store, asked: Asked, name: str, key: str) -> Answer:
    _check_key(key)
    if asked.method == "GET":
        return _read(store, asked, name, key)
    if asked.method == "PUT":
        return _put(store, asked, name, key)
    if asked.method == "PATCH":
        return _patch(store, asked, name, key)
    store.current(store.space(name), key)
    stored, _ = store.write(name, key, "delete", None, asked.demands())
    _audit(store, "state.delete", name, key, stored)
    return Answer(204)


def revisions(store: Store, asked: Asked, name: str, key: str) -> Answer:
    kept = store.space(name).keys.get(key)
    if not kept:
        raise not_found()
    documents = [
        {
            "version": stored.version,
            "operation": stored.operation,
            "actor": store.actor,
            "at": rfc3339(stored.at),
            "note": stored.note,
            "size_bytes": store.entry(name, key, stored)["size_bytes"],
            "value_hash": None,
        }
        for stored in reversed(kept)
    ]
    return Answer(200, page(documents, asked))


def diff(store: Store, asked: Asked, name: str, key: str) -> Answer:
    start, end = asked.integer("from"), asked.integer("to")
    if start is None or end is None:
        raise malformed("from and to are required.")
    space = store.space(name)
    before = store.revision(space, key, version=start, as_of=None).value
    after = store.revision(space, key, version=end, as_of=None).value
    return Answer(200, {"from": start, "to": end, "patch": difference(before, after)})


def rollback(store: Store, asked: Asked, name: str, key: str) -> Answer:
    body = asked.members("version", required=("version",))
    space = store.space(name)
    old = store.revision(space, key, version=body["version"], as_of=None)
    note = f"rolled back to version {old.version}"
    stored, _ = store.write(name, key, "rollback", old.value, asked.demands(), note=note)
    return _written(store, name, key, stored, created=False)


def action(store: Store, asked: Asked, name: str, key: str) -> Answer:
    _check_key(key)
    body = asked.members("type", "payload", "note", required=("type", "payload"))
    space = store.space(name)
    demands = asked.demands()
    present = store.check(space, key, demands)
    old = present.value if present is not None else ABSENT
    value = acted(space.settings, old, body["type"], body["payload"])
    stored, _ = store.write(name, key, "action", value, demands, note=body.get("note"))
    return _written(store, name, key, stored, created=False)


def _refuse_where_actions_are(space: Space) -> None:
    if space.settings["concurrency"] in {"reducer", "crdt"}:
        detail = "The namespace's value changes only through actions."
        raise Refusal(409, "use_actions", detail)


def _merged(
    store: Store, space: Space, key: str, ours: Any, demands: Preconditions
) -> tuple[Any, Preconditions]:
    """In mode ``merge`` the named version is the base that both sides began from."""
    if space.settings["concurrency"] != "merge" or demands.if_match is None:
        return ours, demands
    theirs = store.current(space, key)
    if demands.if_match >= theirs.version:
        return ours, demands
    base = store.revision(space, key, version=demands.if_match, as_of=None)
    conflicts: list[str] = []
    value = merged(base.value, theirs.value, ours, "", conflicts)
    if conflicts:
        raise Refusal(
            409,
            "merge_conflict",
            "Both sides changed the same place since the version you named.",
            conflicts=sorted(conflicts),
            current_version=theirs.version,
        )
    return value, replace(demands, if_match=theirs.version)


def _read(store: Store, asked: Asked, name: str, key: str) -> Answer:
    space = store.space(name)
    version, as_of = asked.integer("version"), asked.moment("as_of")
    if version is not None and as_of is not None:
        raise malformed("version and as_of exclude each other.")
    if version is None and as_of is None:
        stored = store.current(space, key)
    else:
        stored = store.revision(space, key, version=version, as_of=as_of)
    headers = {"ETag": f'"{stored.version}"'}
    if asked.known_version() == stored.version:
        return Answer(304, headers=headers)
    return Answer(200, store.entry(name, key, stored), headers)


def _put(store: Store, asked: Asked, name: str, key: str) -> Answer:
    space = store.space(name)
    _refuse_where_actions_are(space)
    body = asked.members("value", "ttl_seconds", "labels", "note", required=("value",))
    seconds = body.get("ttl_seconds")
    if seconds is not None and not (isinstance(seconds, int) and seconds > 0):
        raise unprocessable("A time to live is a number of seconds above 0.", "/ttl_seconds")
    given = {name: body[name] for name in ("ttl_seconds", "labels", "note") if name in body}
    value, demands = _merged(store, space, key, body["value"], asked.demands())
    stored, created = store.write(name, key, "put", value, demands, **given)
    return _written(store, name, key, stored, created=created)


def _patch(store: Store, asked: Asked, name: str, key: str) -> Answer:
    change = _PATCHES.get(asked.media_type)
    if change is None:
        detail = "A change is application/merge-patch+json or application/json-patch+json."
        raise Refusal(415, "unsupported_media_type", detail)
    space = store.space(name)
    _refuse_where_actions_are(space)
    present = store.current(space, key)
    demands = asked.demands()
    store.check(space, key, demands)
    stored, _ = store.write(name, key, "patch", change(present.value, asked.body()), demands)
    return _written(store, name, key, stored, created=False)


def _written(store: Store, name: str, key: str, stored: Stored, *, created: bool) -> Answer:
    _audit(store, "state.write", name, key, stored)
    headers = {
        "ETag": f'"{stored.version}"',
        "Stateward-Consistency-Token": f"fake-{len(store.records)}",
    }
    return Answer(201 if created else 200, store.entry(name, key, stored), headers)


def _audit(store: Store, action: str, name: str, key: str, stored: Stored) -> None:
    store.record(action, "allow", namespace=name, key=key, version=stored.version)


def _now(store: Store, space: Space) -> dict[str, Stored]:
    """What has a value now, by key in order."""
    found = {key: _present(store, space, key) for key in sorted(space.keys)}
    return {key: stored for key, stored in found.items() if stored is not None}


def _present(store: Store, space: Space, key: str) -> Stored | None:
    stored = space.keys[key][-1]
    return stored if stored.is_there(store.clock()) else None


def _has_label(stored: Stored, label: str) -> bool:
    name, colon, text = label.partition(":")
    if not (name and colon):
        raise malformed("A label is given as name:value.")
    return stored.labels.get(name) == text


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= 512 or key in {".", ".."} or "/" in key or _CONTROL.search(key):
        raise Refusal(400, "bad_key", "This cannot be a key.", pointer="")


def _check_settings(given: dict[str, Any]) -> None:
    allowed = {
        "scope": ("shared", "agent", "task", "session", "user"),
        "concurrency": ("last_write_wins", "versioned", "merge", "reducer", "crdt"),
        "classification": ("public", "internal", "confidential", "restricted"),
    }
    for name, values in allowed.items():
        if given.get(name) is not None and given[name] not in values:
            raise unprocessable(f"One of {', '.join(values)}.", f"/{name}")
