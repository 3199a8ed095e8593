"""Crypto-shredding: a key is destroyed so that nothing under it is ever read again.

In the tenant's scope and the caller's transaction: with it the wrapped key is overwritten, the
epoch of keys raised, the ledger's entry signed and kept, and a record appended; without it none.
That others agreed, and that no hold keeps what is under the key, whoever calls has made sure of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stateward.gate.audit.record import append, compose
from stateward.gate.keys.ledger import Signed, add_to_ledger, signed
from stateward.gate.keys.load import load_keys
from stateward.gate.keys.versions import destroy_key
from stateward.kernel.clock import rfc3339
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call

OF_SUBJECT = """
SELECT DISTINCT id, namespace_id FROM stateward_data_key
WHERE tenant_id = %s AND subject = %s AND state <> 'destroyed' ORDER BY id
"""
OF_NAMESPACE = """
SELECT DISTINCT id, subject FROM stateward_data_key
WHERE tenant_id = %s AND namespace_id = %s AND purpose = 'value' AND state <> 'destroyed'
ORDER BY subject NULLS FIRST, id
"""
NOW = "SELECT clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Shred:
    """Why something is shredded, who agreed, and what allowed it."""

    reason: str
    approvals: Sequence[str] = ()
    decision: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Shredded:
    """The proof: the ledger's entries, each with the record of it."""

    at: datetime
    entries: tuple[Signed, ...]

    @property
    def keys(self) -> list[UUID]:
        return [UUID(one.body["key"]) for one in self.entries]


def shred_subject(actor: Actor, call: Call, subject: str, why: Shred) -> Flow[Shredded]:
    """Destroy the data keys of one person in every namespace of the tenant.

    ``subject``: as the values name the person. Nothing about them is written in those namespaces
    any more: ``SubjectShredded`` (409). Without entries where the person has no key of their own.
    """
    ring = yield from load_keys(actor.tenant_id)
    return (yield from shred_subject_known(actor, call, ring.subject_hash(subject), why))


def shred_subject_known(actor: Actor, call: Call, name: bytes, why: Shred) -> Flow[Shredded]:
    """The same by the hash that the database knows the person by."""
    rows = yield Statement(OF_SUBJECT, (actor.tenant_id, name))
    moment = (yield Statement(NOW))[0][0]
    entries = []
    for key_id, namespace_id in rows:
        place = Place(key_id, namespace_id, name)
        entries.append((yield from _shred(actor, call, place, why, moment)))
    return Shredded(moment, tuple(entries))


def shred_namespace(actor: Actor, call: Call, namespace_id: UUID, why: Shred) -> Flow[Shredded]:
    """Destroy a namespace's data key in all its versions, and those of the people in it, and with
    them every value of the namespace.
    """
    rows = yield Statement(OF_NAMESPACE, (actor.tenant_id, namespace_id))
    moment = (yield Statement(NOW))[0][0]
    entries = []
    for key_id, subject in rows:
        place = Place(key_id, namespace_id, None if subject is None else bytes(subject))
        entries.append((yield from _shred(actor, call, place, why, moment)))
    return Shredded(moment, tuple(entries))


@dataclass(frozen=True, slots=True)
class Place:
    """A key and whose it is."""

    key_id: UUID
    namespace_id: UUID
    subject: bytes | None = None


def _shred(actor: Actor, call: Call, place: Place, why: Shred, moment: datetime) -> Flow[Signed]:
    versions = yield from destroy_key(actor, place.key_id, None)
    record_id = uuid7()
    entry = signed(
        {
            "id": str(uuid7()),
            "tenant": str(actor.tenant_id),
            "at": rfc3339(moment),
            "key": str(place.key_id),
            "version": None,
            "namespace_id": str(place.namespace_id),
            "subject": place.subject.hex() if place.subject else None,
            "record": str(record_id),
            "reason": why.reason,
        }
    )
    yield from add_to_ledger(entry)
    draft = compose(
        actor=actor,
        call=call,
        action="key.destroy",
        resource_type="data_key",
        resource_id=str(place.key_id),
        namespace_id=place.namespace_id,
        reason=why.reason,
        decision=why.decision,
        approvals=why.approvals,
        record_id=record_id,
        extra={
            "event": "key.shredded",
            "versions": versions,
            "entry": entry.body["id"],
            "statement_sha256": entry.sha256,
            "of_subject": place.subject is not None,
        },
    )
    yield from append(draft)
    return entry
