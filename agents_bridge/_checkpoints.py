"""Calls on a namespace's past: checkpoints, comparisons, restores. The test server in memory does
not know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Unpack

from agents_bridge._bind import Listing
from agents_bridge._build import MOMENT, Model, raw, several
from agents_bridge._models import PRINCIPAL, Principal
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow, rfc3339, segment


@dataclass(frozen=True, slots=True)
class Checkpoint(Model):
    """A moment of a namespace under a name. ``position`` reads it: ``entries.list(as_of=…)``."""

    id: str
    namespace: str
    label: str
    position: str
    at: datetime = field(metadata=MOMENT)
    made_by: Principal | None = field(default=None, metadata=PRINCIPAL)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Difference(Model):
    """What became of one entry: ``change`` is ``created``, ``changed`` or ``deleted``. ``patch`` is
    None where none was asked for, or a value is no longer kept (``kept`` is False then).
    """

    key: str
    change: str
    from_version: int | None = None
    to_version: int | None = None
    kept: bool = True
    patch: tuple[Mapping[str, Any], ...] | None = field(default=None, metadata={"convert": tuple})
    labels: Mapping[str, Any] | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class RestoredEntry(Model):
    """One entry that a restore changed, or would change; ``from_version`` is what came back."""

    key: str
    change: str
    version: int | None = None
    from_version: int | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Restored(Model):
    """What a restore did, or would do. ``lost``: keys whose old value is no longer kept; they were
    left as they are.
    """

    position: str
    items: tuple[RestoredEntry, ...] = several(RestoredEntry.build)
    lost: tuple[str, ...] = several()
    dry_run: bool = False
    raw: Mapping[str, Any] = raw()


def _path(namespace: str, checkpoint: str | None = None) -> str:
    path = f"{namespace_path(namespace)}/checkpoints"
    return path if checkpoint is None else f"{path}/{segment(checkpoint)}"


def create(
    session: Session, namespace: str, label: str, **options: Unpack[CallOptions]
) -> Flow[Checkpoint]:
    """Remember the namespace as it is now, under a name. It copies nothing, so it is cheap."""
    response = yield from session.call("POST", _path(namespace), options, body={"label": label})
    return Checkpoint.build(response.document())


def get(
    session: Session, namespace: str, checkpoint: str, **options: Unpack[CallOptions]
) -> Flow[Checkpoint]:
    """One checkpoint, by id. Raises NotFound."""
    response = yield from session.call("GET", _path(namespace, checkpoint), options)
    return Checkpoint.build(response.document())


def list(
    session: Session,
    namespace: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Checkpoint]:
    """The namespace's checkpoints, newest first."""
    return Listing(session, _path(namespace), {"limit": page_size}, Checkpoint.build, options)


def delete(
    session: Session, namespace: str, checkpoint: str, **options: Unpack[CallOptions]
) -> Flow[None]:
    """Forget the name. The history stays."""
    yield from session.call("DELETE", _path(namespace, checkpoint), options)


def diff(
    session: Session,
    namespace: str,
    checkpoint: str,
    *,
    to: str = "now",
    patch: bool = True,
    prefix: str | None = None,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Difference]:
    """What became of the entries since the checkpoint, by key. ``to``: ``now``, the id of another
    checkpoint, a time or a position.
    """
    query = {
        "to": to, "prefix": prefix, "limit": page_size, "patch": None if patch else False,
    }  # fmt: skip
    path = f"{_path(namespace, checkpoint)}/diff"
    return Listing(session, path, query, Difference.build, options)


def compare(
    session: Session,
    namespace: str,
    since: datetime | str,
    *,
    to: datetime | str = "now",
    patch: bool = True,
    prefix: str | None = None,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Difference]:
    """What became of the entries between two moments: aware times, positions, ids of checkpoints,
    ``now``.
    """
    query = {
        "from": since, "to": to, "prefix": prefix, "limit": page_size,
        "patch": None if patch else False,
    }  # fmt: skip
    return Listing(session, f"{namespace_path(namespace)}/diff", query, Difference.build, options)


def restore(
    session: Session,
    namespace: str,
    checkpoint: str,
    *,
    dry_run: bool = False,
    **options: Unpack[CallOptions],
) -> Flow[Restored]:
    """Make the entries what they were: new revisions for exactly those that differ. Up to 5,000
    are one transaction; of more, each 5,000. ``dry_run`` writes nothing and answers what it would.
    """
    path = f"{_path(namespace, checkpoint)}/restore"
    return (yield from _restore(session, path, {"dry_run": dry_run}, options))


def restore_to(
    session: Session,
    namespace: str,
    as_of: datetime | str,
    *,
    dry_run: bool = False,
    **options: Unpack[CallOptions],
) -> Flow[Restored]:
    """The same, to a time (aware) or a position."""
    moment = rfc3339(as_of) if isinstance(as_of, datetime) else as_of
    path = f"{namespace_path(namespace)}/restore"
    return (yield from _restore(session, path, {"as_of": moment, "dry_run": dry_run}, options))


def _restore(
    session: Session, path: str, body: Mapping[str, Any], options: CallOptions
) -> Flow[Restored]:
    """All parts. A part that was done is not done again, so a restore cut short can be repeated."""
    documents: dict[str, Any] | None = None
    cursor: str | None = None
    key = options.pop("idempotency_key", None)
    part = 0
    while True:
        asked = {**body, "cursor": cursor}
        own: CallOptions = {**options}
        if key is not None:
            own["idempotency_key"] = f"{key}-{part}"
        response = yield from session.call("POST", path, own, body=asked)
        document = dict(response.document())
        if documents is None:
            documents = document
        else:
            documents["items"] = [*documents["items"], *document["items"]]
            documents["lost"] = [*documents["lost"], *document["lost"]]
        cursor, part = document["next_cursor"], part + 1
        if cursor is None:
            return Restored.build(documents)
