"""Calls on the audit: what happened, and the proof of it."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

from agents_bridge._bind import Listing
from agents_bridge._models import AuditRecord, Bundle
from agents_bridge._session import API, Session
from agents_bridge._wire import CallOptions, Flow, segment

AUDIT = f"{API}/audit"


class AuditFilters(TypedDict, total=False):
    """What to look for; each given one must match."""

    since: datetime | None
    """Records at or after this time."""
    until: datetime | None
    """Records before this time."""
    actor: str | None
    action: str | None
    outcome: str | None
    namespace: str | None
    key: str | None
    request_id: str | None
    in_run: str | None
    """Records of calls that were made with this ``run``."""


class SearchOptions(AuditFilters, CallOptions, total=False):
    """Filters and call options together."""


_FILTERS = {
    "since": "from",
    "until": "to",
    "actor": "actor",
    "action": "action",
    "outcome": "outcome",
    "namespace": "namespace",
    "key": "key",
    "request_id": "request_id",
    "in_run": "run",
}


def search(
    session: Session, *, page_size: int | None = None, **filters: Unpack[SearchOptions]
) -> Listing[AuditRecord]:
    """The records that match all filters, newest first.

    >>> _ = client.entries.put("notes", "a", 1)
    >>> record = next(iter(client.audit.search(namespace="notes", key="a")))
    >>> record.action, record.outcome
    ('state.write', 'allow')
    """
    query, options = _split(filters)
    return Listing(
        session, f"{AUDIT}/records", {**query, "limit": page_size}, AuditRecord.build, options
    )


def record(session: Session, record_id: str, **options: Unpack[CallOptions]) -> Flow[AuditRecord]:
    """One record. Raises NotFound."""
    path = f"{AUDIT}/records/{segment(record_id)}"
    return AuditRecord.build((yield from session.call("GET", path, options)).document())


def proof(session: Session, record_id: str, **options: Unpack[CallOptions]) -> Flow[dict[str, Any]]:
    """The proof that the record is in the sealed tree: leaf, path, and the signed checkpoint it
    leads to.

    Conflict or NotFound for a moment after the record was written: seals are made about once a
    second.
    """
    path = f"{AUDIT}/records/{segment(record_id)}/proof"
    return (yield from session.call("GET", path, options)).document()


def checkpoint(session: Session, **options: Unpack[CallOptions]) -> Flow[dict[str, Any]]:
    """The newest signed checkpoint. Keep one elsewhere, and nobody can rewrite what was before it
    unnoticed.
    """
    return (yield from session.call("GET", f"{AUDIT}/checkpoints/latest", options)).document()


def consistency(
    session: Session, *, from_size: int, to_size: int, **options: Unpack[CallOptions]
) -> Flow[dict[str, Any]]:
    """The proof that the tree of ``to_size`` records begins with the one of ``from_size``."""
    query = {"from": from_size, "to": to_size}
    response = yield from session.call("GET", f"{AUDIT}/consistency", options, query=query)
    return response.document()


def keys(session: Session, **options: Unpack[CallOptions]) -> Flow[dict[str, Any]]:
    """The public keys that checkpoints are signed with."""
    return (yield from session.call("GET", f"{AUDIT}/keys", options)).document()


def bundle(
    session: Session, path: str | os.PathLike[str], **filters: Unpack[SearchOptions]
) -> Flow[Bundle]:
    """Save the matching records with all that is needed to prove them offline, in one file that
    then is complete.

    The file appears under its name only when it has arrived whole.
    """
    query, options = _split(filters)
    target = Path(path)
    with _PartFile(target) as sink:
        yield from session.call(
            "GET",
            f"{AUDIT}/bundle",
            options,
            query=query,
            headers={"Accept": "*/*"},
            sink=sink,
        )
        return sink.finish()


def verifier(session: Session, **options: Unpack[CallOptions]) -> Flow[bytes]:
    """The offline verifier: one Python file that needs only the standard library. Run it with
    ``python -I``.

    Whoever does not trust this server should not take the verifier from it either, but keep a copy
    from before.
    """
    response = yield from session.call(
        "GET", f"{AUDIT}/verifier", options, headers={"Accept": "*/*"}
    )
    return response.content


class _PartFile:
    """A file that is written beside its place and moved there when it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f".{target.name}.{os.getpid()}.part")
        self._file = self._part.open("wb")
        self._digest = hashlib.sha256()

    def __enter__(self) -> _PartFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def begin(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._digest.update(piece)

    def finish(self) -> Bundle:
        size = self._file.tell()
        self._file.close()
        self._part.replace(self._target)
        return Bundle(str(self._target), size, self._digest.hexdigest())


def _split(given: SearchOptions) -> tuple[dict[str, Any], CallOptions]:
    """(query parameters, call options)."""
    query = {parameter: given.get(name) for name, parameter in _FILTERS.items()}
    options = {name: value for name, value in given.items() if name not in _FILTERS}
    return query, CallOptions(**options)  # type: ignore[typeddict-item]  # what is left are call options
