"""Purging: what a retention rule has come to empty, emptied for good, with its proof.

In ONE transaction of the caller's, in this order. The epoch's rows are locked FOR SHARE: placing a
hold updates them, so a hold is either seen here or waits until this is over. Holds are read again.
The frozen list's rows are locked in key order, as they were when the list was made; one that was
written meanwhile is no longer the one that was due. Each key that remains gets a ``purge`` revision
through the statement of every write, with its audit record and its change; what lies behind it is
emptied; tombstones and the batch's proof are written. A worker killed anywhere in between leaves
none of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.record import append, compose
from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.entries import NO_LABELS, parse_labels
from stateward.state.exceptions import Contended
from stateward.state.keeping import (
    Kept,
    KeptNamespace,
    kept_namespaces,
    lock_kept,
    writers_of,
)
from stateward.state.services.clocks import check_clock
from stateward.state.statements import WRITE, Item, Write, Written, compose_call, write_item
from stateward.state.usage import USAGE
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM

LOCK_EPOCHS = """
SELECT epoch FROM stateward_epoch WHERE tenant_id = ANY (%s) ORDER BY tenant_id FOR SHARE
"""
EMPTY = "SELECT * FROM stateward_purge_history(%s, %s::json, %s)"
BEHIND = "SELECT * FROM stateward_empty_versions(%s, %s::json)"
# What was proposed for a purged key goes with it.
PROPOSALS = """
UPDATE stateward_proposal p SET state = 'withdrawn', ended_at = clock_timestamp(), value = NULL,
    value_hash = NULL
FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
WHERE p.tenant_id = %s AND p.namespace_id = x.ns AND p.key = x.k COLLATE "C" AND p.state = 'open'
"""
TOMBSTONES = """
INSERT INTO stateward_tombstone (tenant_id, id_hash, version, batch_id, namespace_id)
SELECT %s, decode(x.h, 'hex'), x.v, %s, x.ns
FROM json_to_recordset(%s::json) AS x (h text, v bigint, ns uuid)
"""
BATCH = """
INSERT INTO stateward_purge_batch (tenant_id, id, at, run_id, rule_id, rule_version, rule_name,
    listed, held, left_out, entries, bytes, revisions, audit_payloads, holds_in_force,
    holds_checked_at, ids_sha256, record_id)
VALUES (%s, %s, clock_timestamp(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# So that no value, which is JSON, can have the same hash as an identity.
IDENTITY = b"stateward entry\x00"


@dataclass(frozen=True, slots=True)
class PurgeRule:
    """What a batch is purged under: the version of a retention rule, or a subject's request."""

    id: UUID
    version: int
    name: str
    erases_audit_before: datetime | None = None  # records older than this lose what they say
    kind: str = "retention_rule"
    approvals: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        if self.kind == "subject_request":
            return f"Erased at a person's request: {self.name}."
        return f"Due under the retention rule {self.name}, version {self.version}."


@dataclass(frozen=True, slots=True)
class LockedBatch:
    """A frozen list under lock: what may still be purged, and what a hold keeps."""

    configuration: TenantConfiguration
    namespaces: Mapping[UUID, KeptNamespace]
    at: datetime  # the database's time, after all locks
    listed: int
    free: tuple[Kept, ...]
    held: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Purged:
    """What one batch did: the counts that its proof holds."""

    batch_id: UUID
    record_id: UUID
    entries: int
    held: int
    emptied: Emptied


def lock_batch(
    tenant_id: UUID,
    frozen: Sequence[tuple[UUID, str, int]],
    *,
    past: Collection[UUID] = (),
) -> Flow[LockedBatch]:
    """Lock the frozen list, (namespace, key, version) each, and read holds and namespaces again."""
    yield Statement(LOCK_EPOCHS, ([PLATFORM, tenant_id],))
    configuration = yield from load_configuration(tenant_id, max_age=0)
    namespaces = yield from kept_namespaces(tenant_id)
    rows = yield from lock_kept(tenant_id, frozen, past=past)
    at = yield from check_clock()
    held = yield from held_among(configuration, rows, namespaces)
    kept = {row.place for row in held}
    free = tuple(row for row in rows if row.place not in kept)
    return LockedBatch(configuration, namespaces, at, len(frozen), free, tuple(held))


def held_among(
    configuration: TenantConfiguration,
    rows: Sequence[Kept],
    namespaces: Mapping[UUID, KeptNamespace],
) -> Flow[list[Kept]]:
    """Those that a hold keeps from purging: a custodian's hold keeps what any kept revision was
    written by them, for what they wrote must not go because somebody wrote over it.
    """
    holds = configuration.holds
    if not holds.all:
        return []
    custodians = {hold.custodian for hold in holds.all if hold.custodian is not None}
    writers = yield from writers_of(
        configuration.tenant_id, [row.place for row in rows], custodians
    )
    return [
        row
        for row in rows
        if holds.on_namespace(namespaces[row.namespace_id].name).keeps(
            row.key, writers.get(row.place, set()) | {row.writer}
        )
    ]


def purge_batch(
    batch: LockedBatch,
    due: Sequence[Kept],
    rule: PurgeRule,
    *,
    run_id: UUID | None = None,
    behind: Sequence[tuple[Kept, int]] = (),
) -> Flow[Purged]:
    """Empty ``due``, of the locked batch's free rows, and write the proof. Contended (409) where
    the platform's rules changed in this very moment: nothing is purged then.

    ``behind``: of these, free rows too, only the versions up to the one that is named are emptied;
    what is newer, and the entry, live on.
    """
    tenant_id = batch.configuration.tenant_id
    by = "erasure" if rule.kind == "subject_request" else "retention sweep"
    actor = Actor("system", PLATFORM, by, tenant_id, "", (), auth_method="system")
    purge = _Purge(batch, rule, actor, Call(request_id=str(run_id or uuid7())), run_id)
    stones = yield from purge.write(due)
    items = [{"ns": stone.namespace_id, "k": stone.key, "v": stone.version} for stone in stones]
    text = orjson.dumps(items).decode()
    rows = yield Statement(EMPTY, (tenant_id, text, rule.erases_audit_before))
    yield Statement(PROPOSALS, (text, tenant_id))
    emptied = Emptied(rows[0][0], int(rows[0][1]), rows[0][2])
    older = [Stone(row.namespace_id, row.key, version) for row, version in behind]
    if older:
        items = [{"ns": one.namespace_id, "k": one.key, "v": one.version} for one in older]
        rows = yield Statement(BEHIND, (tenant_id, orjson.dumps(items).decode()))
        emptied = emptied._replace(
            revisions=emptied.revisions + rows[0][0], bytes=emptied.bytes + int(rows[0][1])
        )
    return (yield from purge.prove(stones, emptied, older))


class Stone(NamedTuple):
    """A purged key, and the version of its purge."""

    namespace_id: UUID
    key: str
    version: int


class Emptied(NamedTuple):
    """What lay behind the purged keys, by store."""

    revisions: int
    bytes: int
    audit_payloads: int


class _Purge(NamedTuple):
    """One batch on its way: under which rule, for which run."""

    batch: LockedBatch
    rule: PurgeRule
    actor: Actor
    call: Call
    run_id: UUID | None

    def write(self, due: Sequence[Kept]) -> Flow[list[Stone]]:
        """One ``purge`` revision for each key, by the one statement that writes."""
        if not due:
            return []
        configuration = self.batch.configuration
        epochs = (configuration.epochs.epoch, configuration.epochs.platform)
        writes = [Write(configuration.tenant_id, epochs, self._item(row)) for row in due]
        rows = yield Statement(WRITE, compose_call(writes, mode="alone"))
        done = {one.i: one for one in (Written(*row) for row in rows) if one.verdict == "done"}
        if len(done) != len(due):  # their rows are locked: only the platform's epoch can differ
            raise Contended
        for place, row in enumerate(due):
            if done[place].was_alive:
                USAGE.note(configuration.tenant_id, row.namespace_id, entries=-1)
        return [
            Stone(row.namespace_id, row.key, done[place].version or 0)
            for place, row in enumerate(due)
        ]

    def _item(self, row: Kept) -> Item:
        draft = compose(
            actor=self.actor,
            call=self.call,
            action="state.purge",
            resource_type="entry",
            resource_id=str(row.namespace_id),
            reason=self.rule.reason,
            namespace_id=row.namespace_id,
            classification=self.batch.namespaces[row.namespace_id].classification,
            # A rule that has the audit forget the key does not name it anew.
            personal=None if self.rule.erases_audit_before else {"key": row.key},
            extra={
                "operation": "purge",
                "size_bytes": 0,
                "rule": str(self.rule.id),
                "rule_version": self.rule.version,
            },
        )
        return write_item(
            namespace_id=row.namespace_id,
            key=row.key,
            operation="purge",
            write_id=uuid7(),
            draft=draft,
            value=None,
            value_hash=None,
            size_bytes=0,
            decided_labels=parse_labels(row.labels) if row.labels else NO_LABELS,
            decided_absent=True,
        )

    def prove(
        self, stones: Sequence[Stone], emptied: Emptied, older: Sequence[Stone] = ()
    ) -> Flow[Purged]:
        """Tombstones, the batch's record in the audit, and its row."""
        batch, rule = self.batch, self.rule
        tenant_id, batch_id = batch.configuration.tenant_id, uuid7()
        named = (*stones, *older)
        hashes = [identity_hash(batch.configuration, one.namespace_id, one.key) for one in named]
        ids = sha256(b"".join(sorted(hashes))).digest()
        left_out = batch.listed - len(batch.held) - len(named)
        holds = len(batch.configuration.holds.all)
        draft = compose(
            actor=self.actor,
            call=self.call,
            action="state.purge",
            resource_type=rule.kind,
            resource_id=str(rule.id),
            reason=rule.reason,
            approvals=rule.approvals,
            extra={
                "event": "subject.erased" if rule.kind == "subject_request" else "retention.purged",
                "batch": str(batch_id),
                "run": str(self.run_id) if self.run_id else None,
                "rule_name": rule.name,
                "rule_version": rule.version,
                "ids_sha256": ids.hex(),
                "holds": {"at": rfc3339(batch.at), "in_force": holds, "kept": len(batch.held)},
                "counts": {
                    "listed": batch.listed,
                    "left_out": left_out,
                    "entries": len(stones),
                    "changes": 0,  # the feed's rows hold no value of their own
                    **emptied._asdict(),
                    **({"only_older_versions": len(older)} if older else {}),
                },
                "backups": "copies in backups end with the backups that hold them",
            },
        )
        yield from append(draft)
        rows = [
            {"h": one_hash.hex(), "v": one.version, "ns": one.namespace_id}
            for one_hash, one in zip(hashes, named, strict=True)
        ]
        yield Statement(TOMBSTONES, (tenant_id, batch_id, orjson.dumps(rows).decode()))
        listed = (batch.listed, len(batch.held), left_out, len(stones))
        about = (tenant_id, batch_id, self.run_id, rule.id, rule.version, rule.name)
        counts = (emptied.bytes, emptied.revisions, emptied.audit_payloads)
        yield Statement(BATCH, (*about, *listed, *counts, holds, batch.at, ids, draft.id))
        return Purged(batch_id, draft.id, len(stones), len(batch.held), emptied)


def identity_hash(configuration: TenantConfiguration, namespace_id: UUID, key: str) -> bytes:
    """What stands for a purged key in its tombstone: keyed, so that nobody without the tenant's key
    can try names against it.
    """
    return configuration.keys.value_hash(IDENTITY + namespace_id.bytes + key.encode())
