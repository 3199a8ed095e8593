"""Calls on branches of a namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Unpack

from agents_bridge._bind import Listing
from agents_bridge._build import MOMENT, Model, raw, several
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow


@dataclass(frozen=True, slots=True)
class Branch(Model):
    """A namespace that began as another, its ``parent``, was at one moment, ``base_at``."""

    namespace: str
    parent: str
    base_at: datetime = field(metadata=MOMENT)
    checkpoint: str | None = None
    lost: tuple[str, ...] = several()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class MergedEntry(Model):
    """One entry that a merge changed in the parent; ``both``: merged with the parent's changes."""

    key: str
    change: str
    version: int | None = None
    both: bool = False
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class MergeClash(Model):
    """Where branch and parent changed the same places of an entry: RFC 6901 pointers."""

    key: str
    pointers: tuple[str, ...] = several()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class MergedBranch(Model):
    """What a merge did, or would do; conflicts only of a dry run."""

    items: tuple[MergedEntry, ...] = several(MergedEntry.build)
    conflicts: tuple[MergeClash, ...] = several(MergeClash.build)
    dry_run: bool = False
    raw: Mapping[str, Any] = raw()


def create(
    session: Session,
    namespace: str,
    name: str,
    *,
    checkpoint: str | None = None,
    **options: Unpack[CallOptions],
) -> Flow[Branch]:
    """Make the namespace ``name``, which begins as ``namespace`` is now, or was at a checkpoint.
    Its entries are copies, brought 5,000 at a time until all are there.
    """
    body = {"name": name, "checkpoint": checkpoint}
    path = f"{namespace_path(namespace)}/branches"
    response = yield from session.call("POST", path, options, body=body)
    document = dict(response.document())
    rest: CallOptions = {**options}
    rest.pop("idempotency_key", None)
    lost, cursor = [*document.get("lost", ())], document.get("next_cursor")
    while cursor is not None:
        response = yield from session.call(
            "POST", f"{namespace_path(name)}/branch/fill", rest, body={"cursor": cursor}
        )
        part = response.document()
        lost += part.get("lost", ())
        cursor = part.get("next_cursor")
    return Branch.build({**document, "lost": lost})


def get(session: Session, namespace: str, **options: Unpack[CallOptions]) -> Flow[Branch]:
    """What a branch is of. NotFound where the namespace is none."""
    response = yield from session.call("GET", f"{namespace_path(namespace)}/branch", options)
    return Branch.build(response.document())


def list(session: Session, namespace: str, **options: Unpack[CallOptions]) -> Listing[Branch]:
    """The branches of a namespace, by name."""
    return Listing(session, f"{namespace_path(namespace)}/branches", {}, Branch.build, options)


def merge(
    session: Session,
    namespace: str,
    *,
    prefer: Literal["branch", "parent"] | None = None,
    dry_run: bool = False,
    **options: Unpack[CallOptions],
) -> Flow[MergedBranch]:
    """Write what the branch changed into its parent. Conflict, with ``conflicts``, where both
    changed the same places, unless ``prefer`` says whose entry is taken there. ``dry_run`` answers
    what it would do.
    """
    path, cursor = f"{namespace_path(namespace)}/branch/merge", None
    key, part = options.pop("idempotency_key", None), 0
    whole: dict[str, Any] = {"items": [], "conflicts": []}
    while True:
        own: CallOptions = {**options}
        if key is not None:
            own["idempotency_key"] = f"{key}-{part}"
        body = {"dry_run": dry_run, "prefer": prefer, "cursor": cursor}
        response = yield from session.call("POST", path, own, body=body)
        document = response.document()
        whole |= {"dry_run": document["dry_run"]}
        whole["items"] += document["items"]
        whole["conflicts"] += document["conflicts"]
        cursor, part = document["next_cursor"], part + 1
        if cursor is None:
            return MergedBranch.build(whole)
