"""The inputs of decisions, stored once each: a later draft of a policy can be tried on what was
really asked.

A snapshot is what policies could read of a principal or a resource at the time, named by the
SHA-256 of its canonical JSON. A process remembers which are stored. It believes so only of rows
that another, ended transaction wrote: its own may yet be rolled back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from django.conf import settings

from stateward.kernel.flow import Flow, Statement

if TYPE_CHECKING:
    from stateward.gate.policy.requests import Decision

# The name of a snapshot stays in the audit for ever. So it holds personal attributes only under a
# key that is not in the database: once the snapshot is erased, trying addresses finds nobody.
_PERSONAL = {"Member": ("email", "name")}
_MOST_REMEMBERED = 200_000
_recorded: set[tuple[UUID, str]] = set()


@dataclass(frozen=True, slots=True)
class Snapshot:
    kind: Literal["principal", "resource"]
    hash: str
    document: str  # canonical JSON


def take(kind: Literal["principal", "resource"], document: dict[str, Any]) -> Snapshot:
    """The snapshot of an entity's document, whose values are texts or lists of texts."""
    attributes = document["attributes"]
    personal = _PERSONAL.get(document["type"], ())
    hidden = {name: _hidden(attributes[name]) for name in personal}
    named = document | {"attributes": attributes | hidden}
    digest = hashlib.sha256(_canonical(named).encode("utf-8", "surrogatepass"))
    return Snapshot(kind, digest.hexdigest(), _canonical(document))


def _canonical(document: dict[str, Any]) -> str:
    """Members sorted, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _hidden(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hmac.digest(settings.SECRET_KEY.encode(), b"snapshot" + data, hashlib.sha256).hex()


def is_recorded(tenant_id: UUID, digest: str) -> bool:
    return (tenant_id, digest) in _recorded


_RECORD = """
INSERT INTO stateward_policy_snapshot (tenant_id, hash, kind, document)
SELECT %s, hash, kind, document::jsonb
FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (hash, kind, document)
ORDER BY hash
ON CONFLICT DO NOTHING
"""
_STORED = """
SELECT hash FROM stateward_policy_snapshot
WHERE tenant_id = %s AND hash = ANY(%s) AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
"""


def record_snapshots(tenant_id: UUID, decision: Decision) -> Flow[None]:
    """Store what ``decision`` was based on, in the caller's transaction. To be run while it has
    ``new_snapshots``.
    """
    new = decision.new_snapshots
    if not new:
        return
    hashes = [snapshot.hash for snapshot in new]
    rows = yield Statement(_STORED, (tenant_id, hashes))
    if len(_recorded) > _MOST_REMEMBERED:
        _recorded.clear()
    stored = {digest for (digest,) in rows}
    _recorded.update((tenant_id, digest) for digest in stored)
    missing = [snapshot for snapshot in new if snapshot.hash not in stored]
    if missing:
        yield Statement(
            _RECORD,
            (
                tenant_id,
                [snapshot.hash for snapshot in missing],
                [snapshot.kind for snapshot in missing],
                [snapshot.document for snapshot in missing],
            ),
        )
