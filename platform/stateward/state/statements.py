"""The SQL of the data plane, and what goes in and comes out of it.

``Write`` and ``Read`` are statements like any other, so the synchronous driver simply runs them;
the data plane's driver
(``travel.py``) knows them and lets those that arrive together share one call. ``compose_call`` and
``compose_read`` build
that call for one or for many: it is the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.record import Draft
from stateward.kernel.flow import Row, Statement
from stateward.tenancy.actors import Actor

WRITE = "SELECT * FROM stateward_write(%s, %s, %s, %s, %s::json, %s)"
SOLO_ATTEMPTS = 10  # of what waits for its rows, and meets another session all the same
READ = "SELECT * FROM stateward_read(%s, %s::json)"


class Written(NamedTuple):
    """One row of ``stateward_write``: what became of one member of the group."""

    i: int | None
    verdict: str
    version: int | None
    at: datetime | None
    created_at: datetime | None
    expires_at: datetime | None
    labels: str | None  # JSON
    was_alive: bool | None
    status: int | None
    write_id: UUID | None
    lease: str | None = None  # of a key that is leased to another: JSON
    xact: int | None = None  # the transaction that wrote it


class Found(NamedTuple):
    """One row of ``stateward_read``: a living entry, its value still sealed (None if the caller has
    this version).
    """

    i: int
    version: int
    value: bytes | None
    write_id: UUID
    size_bytes: int
    labels: str  # JSON
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    actor_type: str
    actor_id: UUID
    actor_name: str


class Item(NamedTuple):
    """One write, ready for the statement: its fields as ``stateward_write_item`` names them, and
    its bytes.
    """

    namespace_id: UUID
    key: str
    fields: dict[str, Any]
    value: bytes | None  # sealed
    head: bytes
    middle: bytes
    idempotency: tuple[UUID, str] | None = None
    claim: str = ""  # which key this is, among those of all tenants

    @property
    def weight(self) -> int:
        return len(self.value or b"") + len(self.head) + len(self.middle)


def write_item(
    *,
    namespace_id: UUID,
    key: str,
    operation: str,
    write_id: UUID,
    draft: Draft,
    value: bytes | None,
    value_hash: bytes | None,
    size_bytes: int,
    decided_labels: Mapping[str, Any] | None,
    decided_absent: bool,
    labels: Mapping[str, Any] | None = None,
    note: str | None = None,
    ttl: str = "keep",
    ttl_seconds: float | None = None,
    default_ttl_seconds: float | None = None,
    if_version: int | None = None,
    is_own_version: bool = False,
    if_none: bool = False,
    fencing_token: int | None = None,
    idempotency_key: str | None = None,
    request_hash: bytes | None = None,
    ends_at: datetime | None = None,
    schema_version: int | None = None,
) -> Item:
    """The item of one write."""
    # What is not said is NULL in the statement.
    fields = draft_fields(draft)
    fields["ns"] = namespace_id
    fields["k"] = key
    fields["op"] = operation
    fields["wid"] = write_id
    fields["sz"] = size_bytes
    fields["dl"] = decided_labels
    fields["da"] = decided_absent
    fields["en"] = ends_at
    fields["tm"] = ttl
    fields["inm"] = if_none
    fields["own"] = is_own_version
    if labels is not None:
        fields["lb"] = labels
    if note is not None:
        fields["note"] = note
    if ttl_seconds is not None:
        fields["ts"] = ttl_seconds
    if default_ttl_seconds is not None:
        fields["td"] = default_ttl_seconds
    if if_version is not None:
        fields["ifv"] = if_version
    if fencing_token is not None:
        fields["ft"] = fencing_token
    if value_hash is not None:
        fields["vh"] = value_hash.hex()
    if schema_version is not None:
        fields["sv"] = schema_version
    idempotency = None
    if idempotency_key is not None and request_hash is not None:
        fields["ik"], fields["ih"] = idempotency_key, request_hash.hex()
        idempotency = (draft.actor_id, idempotency_key)
    claim = f"{draft.resource_id}/{key}"
    return Item(namespace_id, key, fields, value, draft.head, draft.middle, idempotency, claim)


class Write(NamedTuple):
    """One write of one key, decided under the two epochs."""

    tenant_id: UUID
    epochs: tuple[int, int]
    item: Item

    @property
    def sql(self) -> str:
        return WRITE

    @property
    def parameters(self) -> Sequence[Any]:
        return compose_call([self], mode="alone")


def check_item(
    *,
    namespace_id: UUID,
    key: str,
    actor: Actor,
    decided_labels: Mapping[str, Any] | None,
    decided_absent: bool,
    if_version: int | None,
    if_none: bool,
    fencing_token: int | None,
    ends_at: datetime | None,
    guard: UUID | None,
) -> Item:
    """What must hold of a key, without a change of it. ``guard`` keeps a key that is not there from
    being created meanwhile; only one of a transaction's items may have it, or write the key.
    """
    fields = {
        "ns": namespace_id,
        "k": key,
        "op": "check",
        "wid": guard,
        "sz": 0,
        "dl": decided_labels,
        "da": decided_absent,
        "inm": if_none,
        "ifv": if_version,
        "ft": fencing_token,
        "en": ends_at,
        "aty": actor.type,
        "aid": actor.id,
        "an": actor.name,
    }
    return Item(namespace_id, key, fields, None, b"", b"")


class WriteAll(NamedTuple):
    """Writes of one transaction, decided under the same epochs: all of them or none."""

    tenant_id: UUID
    epochs: tuple[int, int]
    items: tuple[Item, ...]

    @property
    def tries(self) -> int:
        """How often it may be tried where another session is in its way."""
        return SOLO_ATTEMPTS

    @property
    def sql(self) -> str:
        return WRITE

    @property
    def parameters(self) -> Sequence[Any]:
        writes = [Write(self.tenant_id, self.epochs, item) for item in self.items]
        return compose_call(writes, mode="all")


def compose_call(writes: Sequence[Write], *, mode: str) -> tuple[Any, ...]:
    """Parameters of ``stateward_write`` for writes of one tenant, decided under the same epochs;
    ``i`` is the position. ``mode``: see ``sql/write.sql``.
    """
    blob: list[bytes] = []
    items: list[dict[str, Any]] = []
    offset = 0
    for position, write in enumerate(writes):
        item = write.item
        fields = dict(item.fields, i=position)
        if item.value is not None:
            fields["vo"], fields["vl"] = offset, len(item.value)
            blob.append(item.value)
            offset += len(item.value)
        fields["ho"], fields["hl"] = offset, len(item.head)
        offset += len(item.head)
        fields["mo"], fields["ml"] = offset, len(item.middle)
        offset += len(item.middle)
        blob += (item.head, item.middle)
        items.append(fields)
    first = writes[0]
    return (
        first.tenant_id,
        *first.epochs,
        mode,
        orjson.dumps(items).decode(),
        b"".join(blob),
    )


class Look(Statement):
    """A statement that reads what is stored and may be asked of a standby, where the caller wants
    no more (``state/freshness.py``). Rules, principals and keys are never read so.
    """

    anywhere = True


class Read(NamedTuple):
    """One read of one key. ``have`` is a version whose value the caller does not need again.

    ``anywhere``: the caller's level of consistency decides whether a standby or the process's
    memory may answer. ``as_base``: the answer is what a change is computed from and written under,
    so it may be what the process remembers, however old; after a conflict, read without it.
    """

    tenant_id: UUID
    namespace_id: UUID
    key: str
    have: int | None = None
    anywhere: bool = False
    as_base: bool = False

    @property
    def sql(self) -> str:
        return READ

    @property
    def parameters(self) -> Sequence[Any]:
        return compose_read([self])


def compose_read(reads: Sequence[Read]) -> tuple[Any, ...]:
    """Parameters of ``stateward_read`` for reads of one tenant; ``i`` is the position."""
    items = [
        {"i": position, "ns": read.namespace_id, "k": read.key, "h": read.have}
        for position, read in enumerate(reads)
    ]
    return (reads[0].tenant_id, orjson.dumps(items).decode())


class ReadAll(NamedTuple):
    """Reads of many keys of one tenant in one statement, and so of one moment."""

    tenant_id: UUID
    reads: Sequence[Read]
    anywhere: bool = False  # as of ``Read``

    @property
    def sql(self) -> str:
        return READ

    @property
    def parameters(self) -> Sequence[Any]:
        return compose_read(self.reads)


RECORD = "SELECT * FROM stateward_record_reads(%s, %s, %s, %s::json, %s)"


class Record(NamedTuple):
    """One read that must be in the audit before it is answered. The row: position, whether the
    epochs still hold.
    """

    tenant_id: UUID
    epochs: tuple[int, int]
    draft: Draft

    @property
    def sql(self) -> str:
        return RECORD

    @property
    def parameters(self) -> Sequence[Any]:
        return compose_records([self])


class RecordAll(NamedTuple):
    """Reads of one call that must be in the audit before they are answered: all or none. A row for
    each, as of ``Record``.
    """

    tenant_id: UUID
    epochs: tuple[int, int]
    drafts: Sequence[Draft]

    @property
    def sql(self) -> str:
        return RECORD

    @property
    def parameters(self) -> Sequence[Any]:
        return compose_records([Record(self.tenant_id, self.epochs, each) for each in self.drafts])


def draft_fields(draft: Draft) -> dict[str, Any]:
    """An audit record's columns as ``stateward_write_item`` names them."""
    return {
        "run": draft.run,
        "aty": draft.actor_type,
        "aid": draft.actor_id,
        "an": draft.actor_name,
        "rid": draft.id,
        "pl": draft.payload,
        "act": draft.action,
        "cls": draft.classification,
        "did": draft.decision_id,
        "rq": draft.request_id,
    }


def compose_records(records: Sequence[Record]) -> tuple[Any, ...]:
    """Parameters of ``stateward_record_reads`` for one tenant's reads decided under the same
    epochs.
    """
    blob: list[bytes] = []
    items: list[dict[str, Any]] = []
    offset = 0
    for position, record in enumerate(records):
        draft = record.draft
        items.append(
            draft_fields(draft)
            | {
                "i": position,
                "ns": draft.namespace_id,
                "ho": offset,
                "hl": len(draft.head),
                "mo": offset + len(draft.head),
                "ml": len(draft.middle),
            }
        )
        offset += len(draft.head) + len(draft.middle)
        blob += (draft.head, draft.middle)
    first = records[0]
    return (first.tenant_id, *first.epochs, orjson.dumps(items).decode(), b"".join(blob))


_ENTRY = """version, value, write_id, size_bytes, labels, created_at, updated_at, expires_at,
    actor_type, actor_id, actor_name"""

# A page of keys in code point order; ``is_alive`` and the clock decide what is there.
LIST = f"""
SELECT key, {_ENTRY} FROM stateward_entry
WHERE tenant_id = %(tenant)s AND namespace_id = %(namespace)s
  AND key > %(after)s COLLATE "C" AND key >= %(prefix)s COLLATE "C"
  AND (%(until)s::text IS NULL OR key < %(until)s COLLATE "C")
  AND (%(labels)s::jsonb IS NULL OR labels @> %(labels)s::jsonb)
  AND is_alive AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY key LIMIT %(limit)s
"""

REVISION_COLUMNS = """version, operation, value, id, value_hash, size_bytes, labels, created_at, at,
    expires_at, note, actor_type, actor_id, actor_name, run"""

REVISIONS = f"""
SELECT {REVISION_COLUMNS} FROM stateward_revision
WHERE tenant_id = %s AND namespace_id = %s AND key = %s AND version < %s
ORDER BY version DESC LIMIT %s
"""

# Of many keys one version each; ``i`` is the position among those asked for.
REVISION_EACH = f"""
SELECT x.i, {REVISION_COLUMNS}
FROM json_to_recordset(%s::json) AS x (i integer, ns uuid, k text, v bigint), LATERAL (
    SELECT * FROM stateward_revision r
    WHERE r.tenant_id = %s AND r.namespace_id = x.ns AND r.key = x.k COLLATE "C"
      AND r.version = x.v OFFSET 0) r
"""

REVISION = f"""
SELECT {REVISION_COLUMNS} FROM stateward_revision
WHERE tenant_id = %s AND namespace_id = %s AND key = %s AND version = %s
"""

# The newest revision at or before a time: a key's revisions rise in time and in version alike.
REVISION_AT = f"""
SELECT {REVISION_COLUMNS} FROM stateward_revision
WHERE tenant_id = %s AND namespace_id = %s AND key = %s AND at <= %s
ORDER BY version DESC LIMIT 1
"""


class Revision(NamedTuple):
    """One row of the history; ``value`` is sealed, None where the operation left none or it was
    purged.
    """

    version: int
    operation: str
    value: bytes | None
    id: UUID
    value_hash: bytes | None
    size_bytes: int
    labels: str  # JSON
    created_at: datetime
    at: datetime
    expires_at: datetime | None
    note: str | None
    actor_type: str
    actor_id: UUID
    actor_name: str
    run: str | None


class Listed(NamedTuple):
    """One row of a list: the key, then what ``Found`` holds."""

    key: str
    version: int
    value: bytes
    write_id: UUID
    size_bytes: int
    labels: str  # JSON
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    actor_type: str
    actor_id: UUID
    actor_name: str


def written(rows: Sequence[Row]) -> Written:
    row = rows[0]
    return row if isinstance(row, Written) else Written(*row)


# What is past its time: found by the partial index, oldest first, from a place on. Rows that others
# have locked are left for the next sweep, leased ones and namespaces under a hold for as long as
# that lasts.
DUE = """
SELECT e.expires_at, e.namespace_id, n.name, n.classification, e.key, e.actor_id
FROM stateward_entry e
JOIN stateward_namespace n ON n.tenant_id = e.tenant_id AND n.id = e.namespace_id
WHERE e.tenant_id = %(tenant)s AND e.is_alive AND e.expires_at <= clock_timestamp()
  AND e.namespace_id <> ALL (%(held)s::uuid[])
  AND (e.lease_until IS NULL OR e.lease_until <= clock_timestamp())
  AND (%(after)s::timestamptz IS NULL
       OR (e.expires_at, e.namespace_id, e.key) > (%(after)s, %(namespace)s, %(key)s COLLATE "C"))
ORDER BY e.expires_at, e.namespace_id, e.key LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
"""
