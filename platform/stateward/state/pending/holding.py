"""Keeping a write that others have to agree to, instead of doing it.

The write was refused; were it allowed if others agreed? Then it is prepared as it would be written
(decided, validated, computed), its change is sealed as it was asked for, and one statement keeps it
together with the request for agreement and the record of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.approvals.exceptions import TooFewApprovers
from stateward.gate.approvals.services import content_hash
from stateward.gate.audit.record import Draft, compose, recording
from stateward.gate.keys.ring import Sealed
from stateward.gate.policy.exceptions import Denied
from stateward.gate.policy.principals import page_of_principals
from stateward.kernel.errors import PreconditionFailed, StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import (
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import NO_LABELS, parse_labels
from stateward.state.exceptions import Contended, IdempotencyKeyReused, NoSuchEntry
from stateward.state.judging import Judge
from stateward.state.pending.documents import document_of
from stateward.state.pending.records import FIELD
from stateward.state.services.changes import Delete
from stateward.state.services.entries import ATTEMPTS, Attempt, Order, Repeat
from stateward.state.services.transactions import Check, Operation
from stateward.state.statements import Found, Read, draft_fields
from stateward.tenancy.actors import Actor, Call

KIND = "state.write"
AGREE = "state.vote"  # what whoever agrees must be permitted on every namespace that is written
LASTS = timedelta(hours=72)
MOST_OPERATIONS = 100
PAGE = 500
NEEDED = "SELECT number FROM stateward_approval_setting WHERE tenant_id = %s AND kind = %s"
HOLD_BACK = "SELECT * FROM stateward_hold_back(%s, %s, %s, %s::json, %s::json, %s::bytea)"


class Kept(NamedTuple):
    """What a caller is told whose write waits."""

    id: UUID
    is_replay: bool


def hold_back(
    actor: Actor,
    call: Call,
    operations: Sequence[Operation],
    refused: StatewardError,
    *,
    repeat: Repeat | None,
    is_transaction: bool,
) -> Flow[Kept]:
    """Keep what was ``refused`` until others agree; the refusal again where their agreement would
    make no difference, and whatever a write of it would be refused with otherwise.
    """
    decision = getattr(refused, "decision", None)
    if not isinstance(refused, Denied) or decision is None or decision.outcome != "deny_forbid":
        raise refused
    if len(operations) > MOST_OPERATIONS:
        raise refused
    for _ in range(ATTEMPTS):
        configuration = yield from load_configuration_for(actor, max_age=0.0)
        wish = _Wish(actor, call, configuration, repeat, is_transaction)
        try:
            told = yield from wish.keep(operations)
        except Denied:
            raise refused from None
        if told is not None:
            return told
    raise Contended


class _Wish(NamedTuple):
    """One try to keep a write, under one configuration."""

    actor: Actor
    call: Call
    configuration: TenantConfiguration
    repeat: Repeat | None
    is_transaction: bool

    def keep(self, operations: Sequence[Operation]) -> Flow[Kept | None]:
        pending_id, approval_id = uuid7(), uuid7()
        attempts: list[Attempt] = []
        items = []
        for number, operation in enumerate(operations):
            if isinstance(operation.change, Check):
                continue
            attempt, standing = yield from self._prepared(operation, pending_id)
            attempts.append(attempt)
            items.append(self._item(number, operation, attempt, standing))
        content = {"pending": str(pending_id), "operations": [_told(one) for one in items]}
        needed = yield from self._needed()
        electors = yield from self._electors(attempts)
        if len(electors) < needed:
            raise TooFewApprovers(kind=KIND, needed=needed, could=len(electors))
        first = attempts[0]
        asked = {
            "id": pending_id, "approval": approval_id, "needed": needed, "electors": electors,
            "authors": self._authors(), "sha256": content_hash(content), "content": content,
            "summary": _summary(self.actor, attempts), "subject": first.rules.name[:200],
            "type": self.actor.type, "actor": self.actor.id, "name": self.actor.name[:200],
            "for": self.call.on_behalf_of, "run": self.call.run, "secs": LASTS.total_seconds(),
            "ik": self.repeat.key if self.repeat else None, "ih": self._hash(),
            "whole": self.is_transaction, "kind": KIND,
        }  # fmt: skip
        draft = self._draft(first, pending_id, approval_id, len(items))
        return (yield from self._insert(asked, items, draft))

    def _prepared(
        self, operation: Operation, pending_id: UUID
    ) -> Flow[tuple[Attempt, Found | None]]:
        """The write as it would be done if others agreed, and the entry that stands now, under
        whose labels it is decided; raises what it would be refused with.
        """
        rules = yield from namespace_rules(self.configuration, operation.namespace)
        rows = yield Read(self.configuration.tenant_id, rules.id, operation.key)
        standing = Found(*rows[0]) if rows else None
        assert not isinstance(operation.change, Check)  # noqa: S101  # left out before
        order = Order(
            self.actor, self.call, operation.namespace, operation.key, operation.change,
            operation.conditions, None, pending=pending_id,
        )  # fmt: skip
        attempt = Attempt(order, self.configuration, rules)
        yield from attempt.prepare(parse_labels(standing.labels) if standing else None)
        return attempt, standing

    def _item(
        self, number: int, operation: Operation, attempt: Attempt, standing: Found | None
    ) -> dict[str, Any]:
        rules, keys = attempt.rules, self.configuration.keys
        assert not isinstance(operation.change, Check)  # noqa: S101  # as above
        document = document_of(operation.change)
        sealed: Sealed = keys.seal(
            rules.id, operation.key, FIELD, document, subject=attempt.subject
        )
        base = standing.version if standing else None
        _check_base(operation, base)
        return {
            "place": number, "ns": rules.id, "k": operation.key,
            "op": operation.change.operation, "wid": sealed.write_id, "v": sealed.data.hex(),
            "base": base, "sz": len(attempt.data),
            "hash": keys.value_hash(document).hex(), "namespace": rules.name,
        }  # fmt: skip

    def _needed(self) -> Flow[int]:
        """As many as the tenant asks for of writes, and one where it says nothing: the policy asks
        for somebody.
        """
        rows = yield Statement(NEEDED, (self.configuration.tenant_id, KIND))
        return max(rows[0][0] if rows else 1, 1)

    def _authors(self) -> list[UUID]:
        authors = [self.actor.id] if self.actor.type == "member" else []
        if self.call.on_behalf_of:
            authors.append(UUID(self.call.on_behalf_of.rpartition(":")[2]))
        return authors

    def _electors(self, attempts: Sequence[Attempt]) -> Flow[list[UUID]]:
        """The members who may agree: in every namespace that is written."""
        places = {one.rules.id: one.rules.entry("", NO_LABELS) for one in attempts}
        authors = set(self._authors())
        found: list[UUID] = []
        after: UUID | None = None
        while True:
            tenant_id = self.configuration.tenant_id
            page = yield from page_of_principals(tenant_id, "member", after=after, limit=PAGE)
            for member in page:
                judge = Judge(self.configuration, replace(member, mfa=True), self.call)
                if member.id not in authors and all(
                    judge.decide(AGREE, place).allowed for place in places.values()
                ):
                    found.append(member.id)
            if len(page) < PAGE:
                return found
            after = page[-1].id

    def _hash(self) -> str | None:
        if self.repeat is None:
            return None
        return self.configuration.keys.value_hash(self.repeat.request).hex()

    def _draft(self, first: Attempt, pending_id: UUID, approval_id: UUID, count: int) -> Draft:
        return compose(
            actor=self.actor,
            call=self.call,
            action="state.write",
            resource_type="pending",
            resource_id=str(pending_id),
            reason="It waits until other people agree.",
            namespace_id=first.rules.id,
            classification=first.rules.classification,
            extra={"event": "pending.asked", "approval": str(approval_id), "operations": count},
        )

    def _insert(
        self, asked: dict[str, Any], items: Sequence[dict[str, Any]], draft: Draft
    ) -> Flow[Kept | None]:
        epochs = self.configuration.epochs
        fields = draft_fields(draft) | {"hl": len(draft.head), "ml": len(draft.middle)}
        statement = Statement(
            HOLD_BACK,
            (
                self.configuration.tenant_id,
                epochs.epoch,
                epochs.platform,
                orjson.dumps(asked | {"record": fields}).decode(),
                orjson.dumps(list(items)).decode(),
                draft.head + draft.middle,
            ),
        )
        verdict, kept = (yield from recording(statement))[0]
        if verdict == "reused":
            raise IdempotencyKeyReused
        return None if verdict == "stale" else Kept(kept, verdict == "replay")


def _check_base(operation: Operation, base: int | None) -> None:
    """What the caller demands of the entry holds now; that it is still so is looked at again."""
    demanded = operation.conditions
    if demanded.if_none and base is not None:
        raise PreconditionFailed(current_version=base)
    if demanded.if_version not in (None, base):
        raise PreconditionFailed(current_version=base)
    if base is None and isinstance(operation.change, Delete):
        raise NoSuchEntry


def _told(item: dict[str, Any]) -> dict[str, Any]:
    """What people agree to: the place, and the keyed hash of what is to be written there."""
    return {
        "namespace": item["namespace"], "operation": item["op"], "base": item["base"],
        "hash": item["hash"],
    }  # fmt: skip


def _summary(actor: Actor, attempts: Sequence[Attempt]) -> str:
    first = attempts[0]
    if len(attempts) == 1:
        verb = {"delete": "Delete an entry", "put": "Write an entry"}
        done = verb.get(first.order.change.operation, "Change an entry")
        return f"{done} of {first.rules.name}, asked for by {actor.name}"[:500]
    names = sorted({one.rules.name for one in attempts})
    where = names[0] if len(names) == 1 else f"{names[0]} and others"
    return f"Write {len(attempts):,} entries of {where}, asked for by {actor.name}"[:500]
