"""The subject index: which entries name whom. Kept beside the writes, never on their path.

A pass takes a snapshot of the database and adds what it sees and the last pass's did not, so that
transactions that end out of order are neither missed nor taken twice; it is complete up to the time
at which the snapshot was taken. A namespace whose declarations are new, or that is new here itself,
is walked from its first revision. Only keyed hashes are stored. What was purged leaves the index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings

from governance.privacy.identifiers import Declaration, Identifier, found_in
from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.load import load_keys_of, load_namespace_keys
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.entries import FIELD
from stateward.state.holds import is_beneath
from stateward.state.values import decode, parts

PAGE = 500  # revisions in one transaction
SLACK = timedelta(hours=1)
START = (0, UUID(int=0))

DECLARED = """
SELECT namespace, kind, source, path FROM stateward_subject_declaration
WHERE tenant_id = %s ORDER BY namespace, kind, source, path
"""
NOW = "SELECT pg_current_snapshot()::text, statement_timestamp()"
POSITION = "SELECT snapshot::text, at FROM stateward_subject_position WHERE tenant_id = %s"
MOVE = """
INSERT INTO stateward_subject_position (tenant_id, snapshot, at) VALUES (%s, %s::pg_snapshot, %s)
ON CONFLICT (tenant_id) DO UPDATE SET snapshot = excluded.snapshot, at = excluded.at
"""
NAMESPACES = "SELECT id, name FROM stateward_namespace WHERE tenant_id = %s ORDER BY id"
WALKS = """
SELECT namespace_id, declared, is_done, key, version FROM stateward_subject_walk
WHERE tenant_id = %s
"""
STANDING = """
SELECT p.at, w.namespace_id, w.declared, w.is_done, w.key, w.version
FROM stateward_subject_position p LEFT JOIN stateward_subject_walk w USING (tenant_id)
WHERE p.tenant_id = %s
"""
BEGIN = """
INSERT INTO stateward_subject_walk (tenant_id, namespace_id, declared) VALUES (%s, %s, %s)
ON CONFLICT (tenant_id, namespace_id) DO UPDATE
    SET declared = excluded.declared, is_done = false, key = '', version = 0
"""
STEP = """
UPDATE stateward_subject_walk SET key = %s, version = %s, is_done = %s
WHERE tenant_id = %s AND namespace_id = %s
"""
END = "DELETE FROM stateward_subject_walk WHERE tenant_id = %s AND namespace_id = %s"
BEHIND = """
SELECT namespace_id, key, version, id, value, operation FROM stateward_revision
WHERE tenant_id = %s AND namespace_id = %s AND (key, version) > (%s COLLATE "C", %s)
ORDER BY key, version LIMIT %s
"""
SINCE = """
SELECT c.namespace_id, c.key, c.version, c.id, r.value, c.operation, c.xid::text
FROM stateward_change c
JOIN stateward_revision r ON r.tenant_id = c.tenant_id AND r.at = c.at AND r.id = c.id
WHERE c.tenant_id = %(tenant)s
  AND c.xid >= pg_snapshot_xmin(%(old)s::pg_snapshot)
  AND c.xid < pg_snapshot_xmax(%(new)s::pg_snapshot)
  AND pg_visible_in_snapshot(c.xid, %(new)s::pg_snapshot)
  AND NOT pg_visible_in_snapshot(c.xid, %(old)s::pg_snapshot)
  AND (c.xid, c.id) > (%(xid)s::text::xid8, %(id)s)
ORDER BY c.xid, c.id LIMIT %(limit)s
"""
ADD = """
INSERT INTO stateward_subject_entry AS e
    (tenant_id, id_hash, namespace_id, key, kind, first_version, last_version, declared)
SELECT %s, decode(x.h, 'hex'), x.ns, x.k, x.kind, min(x.v), max(x.v), x.d
FROM json_to_recordset(%s::json) AS x (h text, ns uuid, k text, kind text, v bigint, d text)
GROUP BY x.h, x.ns, x.k, x.kind, x.d ORDER BY x.h, x.ns, x.k COLLATE "C"
ON CONFLICT (tenant_id, id_hash, namespace_id, key) DO UPDATE
SET first_version = least(e.first_version, excluded.first_version),
    last_version = greatest(e.last_version, excluded.last_version), declared = excluded.declared
"""
DROP = """
DELETE FROM stateward_subject_entry e
USING json_to_recordset(%s::json) AS x (ns uuid, k text, v bigint)
WHERE e.tenant_id = %s AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
  AND e.last_version < x.v
"""
OUTDATED = """
DELETE FROM stateward_subject_entry
WHERE tenant_id = %s AND namespace_id = %s AND declared <> %s
"""


class Space(NamedTuple):
    """A namespace, and where persons are named in it."""

    id: UUID
    declared: tuple[Declaration, ...]

    @property
    def fingerprint(self) -> str:
        return (
            sha256(orjson.dumps([[*one] for one in self.declared])).hexdigest()[:32]
            if self.declared
            else ""
        )


class Pass(NamedTuple):
    """What one pass goes by. ``at``: it is complete up to there, once it is over."""

    snapshot: str
    at: datetime
    spaces: dict[UUID, Space]
    before: str | None  # the last pass's snapshot; None where all is walked


class Row(NamedTuple):
    """A revision, its value sealed."""

    namespace_id: UUID
    key: str
    version: int
    id: UUID
    value: bytes | None
    operation: str


def begin_pass(tenant_id: UUID) -> Flow[Pass]:
    """Take the snapshot; then read where persons are named, so that none of it is older."""
    rows = yield Statement(NOW)
    snapshot, at = rows[0]
    spaces = yield from declared_spaces(tenant_id)
    known = yield Statement(POSITION, (tenant_id,))
    before = known[0][0] if known else None
    # Changes are not kept for ever; whoever was away for longer walks everything.
    if known and at - known[0][1] > timedelta(hours=settings.CHANGES_KEPT_HOURS) - SLACK:
        before = None
    if before is None:
        for space in spaces.values():
            yield Statement(END, (tenant_id, space.id))
    return Pass(snapshot, at, spaces, before)


def declared_spaces(tenant_id: UUID) -> Flow[dict[UUID, Space]]:
    """Every namespace, deleted ones too, for they hold what they held."""
    declared = yield Statement(DECLARED, (tenant_id,))
    namespaces = yield Statement(NAMESPACES, (tenant_id,))
    return {
        namespace_id: Space(
            namespace_id,
            tuple(Declaration(*rest) for root, *rest in declared if is_beneath(name, root)),
        )
        for namespace_id, name in namespaces
    }


def unwalked(tenant_id: UUID, spaces: dict[UUID, Space]) -> Flow[list[tuple[Space, str, int]]]:
    """The namespaces still to be walked, and from where on."""
    rows = yield Statement(WALKS, (tenant_id,))
    return _waiting(spaces, {row[0]: row[1:] for row in rows})


def _waiting(
    spaces: dict[UUID, Space], walks: Mapping[UUID, Sequence[Any]]
) -> list[tuple[Space, str, int]]:
    waiting = []
    for space in spaces.values():
        walk = walks.get(space.id)
        if walk is None or walk[0] != space.fingerprint:
            if walk is None and not space.declared:
                continue
            waiting.append((space, "", -1))
        elif not walk[1]:
            waiting.append((space, walk[2], walk[3]))
    return waiting


def walk_step(
    tenant_id: UUID, space: Space, key: str, version: int
) -> Flow[tuple[str, int] | None]:
    """One page of a namespace's revisions; where the next one begins, None at the end."""
    if version < 0:
        yield Statement(BEGIN, (tenant_id, space.id, space.fingerprint))
        version = 0
    rows: list[Row] = []
    if space.declared:
        found = yield Statement(BEHIND, (tenant_id, space.id, key, version, PAGE))
        rows = [Row(*row) for row in found]
        yield from add_rows(tenant_id, rows, {space.id: space})
    if len(rows) == PAGE:
        last = rows[-1]
        yield Statement(STEP, (last.key, last.version, False, tenant_id, space.id))
        return last.key, last.version
    yield Statement(OUTDATED, (tenant_id, space.id, space.fingerprint))
    yield Statement(STEP, ("", 0, True, tenant_id, space.id))
    return None


def change_step(
    tenant_id: UUID, one: Pass, after: tuple[int, UUID]
) -> Flow[tuple[int, UUID] | None]:
    """One page of what this pass sees and the one before did not."""
    xid, last = after
    found = yield Statement(
        SINCE,
        {
            "tenant": tenant_id, "old": one.before, "new": one.snapshot, "xid": str(xid),
            "id": last, "limit": PAGE,
        },
    )  # fmt: skip
    rows = [Row(*row[:6]) for row in found]
    yield from add_rows(tenant_id, rows, one.spaces)
    return (int(found[-1][6]), rows[-1].id) if len(rows) == PAGE else None


def end_pass(tenant_id: UUID, one: Pass) -> Flow[None]:
    yield Statement(MOVE, (tenant_id, one.snapshot, one.at))


def add_rows(tenant_id: UUID, rows: Sequence[Row], spaces: dict[UUID, Space]) -> Flow[None]:
    """Put what these revisions name into the index; take out what a purge has emptied."""
    configuration = yield from load_configuration(tenant_id, max_age=0)
    found, purged = [], []
    for row in rows:
        space = spaces.get(row.namespace_id)
        if row.operation == "purge":
            purged.append({"ns": row.namespace_id, "k": row.key, "v": row.version})
        if space is None or not space.declared or row.value is None:
            continue
        named = yield from names_in(configuration, space, row)
        found += [
            {
                "h": configuration.keys.value_hash(one.hashed).hex(), "ns": row.namespace_id,
                "k": row.key, "kind": one.kind, "v": row.version, "d": space.fingerprint,
            }
            for one in named
        ]  # fmt: skip
    if found:
        yield Statement(ADD, (tenant_id, orjson.dumps(found).decode()))
    if purged:
        yield Statement(DROP, (orjson.dumps(purged).decode(), tenant_id))


def names_in(configuration: TenantConfiguration, space: Space, row: Row) -> Flow[set[Identifier]]:
    """Whom one revision names; nobody where its key is destroyed."""
    yield from load_namespace_keys(configuration.keys, space.id)
    yield from load_keys_of(configuration.keys, space.id, (bytes(row.value or b""),))
    try:
        whole = configuration.keys.open(
            row.namespace_id, row.key, FIELD, row.id, bytes(row.value or b"")
        )
    except CannotOpen:
        return set()
    return found_in(space.declared, row.key, decode(parts(whole)[0]))


def position_of(tenant_id: UUID) -> Flow[datetime | None]:
    """Up to when the index is complete; None where it was never built, or is being built anew."""
    rows = yield Statement(STANDING, (tenant_id,))
    if not rows:
        return None
    walks = {row[1]: row[2:] for row in rows if row[1] is not None}
    spaces = yield from declared_spaces(tenant_id)
    return None if _waiting(spaces, walks) else rows[0][0]
