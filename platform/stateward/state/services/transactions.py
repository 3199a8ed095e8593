"""Several operations as one: all of them, or none.

Each operation is a write like any other: the same ``Attempt`` decides, validates, computes and
seals it, and one statement compares and writes them all under the locks of all their rows. What is
``check``ed is compared there too, so it holds at the very moment of the writes.

A transaction writes each key at most once, because it has one time: two revisions of a key with the
same ``at`` would not be a history. Checks of a key are any number, and speak of the key as it was
before the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from stateward.gate.audit.record import recording
from stateward.kernel.errors import Fault, Gone, PreconditionFailed, StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import (
    NamespaceRules,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import Entry, entry_at, meet_keys, open_data, parse_labels
from stateward.state.exceptions import (
    Contended,
    IdempotencyKeyReused,
    PatchNotApplicable,
    PatchTestFailed,
    RepeatedKey,
    RequestInProgress,
)
from stateward.state.judging import Judge, judge_for
from stateward.state.leases import lease_refusal
from stateward.state.masking import masked_entry, masked_for
from stateward.state.naming import check_key
from stateward.state.services.entries import (
    ATTEMPTS,
    LONG_AGO_SECONDS,
    UNDECIDED,
    Action,
    Attempt,
    Change,
    Conditions,
    Delete,
    Kept,
    Order,
    Patch,
    Repeat,
    may_be_outdated,
    recall,
    refusal_of,
)
from stateward.state.statements import (
    REVISION_EACH,
    Item,
    Revision,
    WriteAll,
    Written,
    check_item,
)
from stateward.state.together import Ended, side_by_side
from stateward.tenancy.actors import Actor, Call

MAX_OPERATIONS = 1000
REPLAYED = {"Idempotency-Replayed": "true"}


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold of a key for the transaction to happen: its version, that there is none, or
    that a lease on it is still the newest.
    """

    operation = "check"


class Operation(NamedTuple):
    """One of a transaction's operations, as it was asked for."""

    namespace: str
    key: str
    change: Change | Check
    conditions: Conditions = Conditions()


class Result(NamedTuple):
    """What one operation led to. ``entry`` is None after a delete and a check; ``version`` is that
    of the checked entry, None where there is none.
    """

    operation: Operation
    status: int
    version: int | None
    entry: Entry | None


class Transacted(NamedTuple):
    """The results in the order of the operations. ``xact``: see ``entries.Outcome``."""

    results: list[Result]
    is_replay: bool = False
    xact: int | None = None


class Agreed(NamedTuple):
    """What lets a transaction that waited be carried out: its id, and the votes it rests on."""

    pending: UUID
    approvals: tuple[str, ...]


def transact(
    actor: Actor, call: Call, operations: Sequence[Operation], *, repeat: Repeat | None = None,
    agreed: Agreed | None = None,
) -> Flow[Transacted]:  # fmt: skip
    """Carry out all operations, or none. What is refused carries the pointer ``/operations/<n>``.

    412 for a version or an absence that does not hold, 422 ``repeated_key`` for a second write of a
    key, 409 ``contended`` after 20 lost races, and whatever a single write is refused with.
    """
    _check_keys(operations)
    seen: list[Mapping[str, Any] | None] = [None] * len(operations)
    max_age = LONG_AGO_SECONDS
    for _ in range(ATTEMPTS):
        configuration = yield from load_configuration_for(actor, max_age=max_age)
        attempt = _Transaction(actor, call, operations, configuration, repeat, agreed)
        try:
            rows = yield from attempt.run(seen)
        except StatewardError as error:
            if max_age == 0 or not may_be_outdated(error):
                raise
            max_age = 0.0
            continue
        if isinstance(rows, Transacted):
            return rows
        if rows[0].i is None or any(row.verdict == "ended" for row in rows):  # None: stale
            max_age = 0.0
        if not attempt.is_outdated(rows, seen) and (done := (yield from attempt.settle(rows))):
            return done
    raise Contended


def _check_keys(operations: Sequence[Operation]) -> None:
    written: set[tuple[str, str]] = set()
    for number, operation in enumerate(operations):
        place = (operation.namespace, operation.key)
        pointer = f"/operations/{number}/key"
        check_key(operation.key, pointer=pointer)
        if isinstance(operation.change, Check):
            continue
        if place in written:
            raise RepeatedKey(errors=(Fault(pointer, "written by an operation before it"),))
        written.add(place)


@dataclass(slots=True)
class _Transaction:
    """One try of all operations under one configuration."""

    actor: Actor
    call: Call
    operations: Sequence[Operation]
    configuration: TenantConfiguration
    repeat: Repeat | None
    agreed: Agreed | None = None
    attempts: list[Attempt | None] = field(default_factory=list)  # None of a check
    rules: list[NamespaceRules] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)

    def run(self, seen: Sequence[Mapping[str, Any] | None]) -> Flow[list[Written] | Transacted]:
        """The statement's verdicts in the order of the operations; or the answer to a repeat that
        would fail before it reached the statement.
        """
        self.rules = yield from self._rules()
        try:
            self.items = yield from self._prepare(seen)
        except UNDECIDED:
            kept = yield from recall(self.configuration, self.actor, self.repeat)
            if kept is None:
                raise
            return (yield from self._repeated(kept))
        epochs = (self.configuration.epochs.epoch, self.configuration.epochs.platform)
        statement = WriteAll(self.configuration.tenant_id, epochs, tuple(self.items))
        rows = yield from recording(statement)
        return sorted((Written(*row) for row in rows), key=lambda row: row.i or 0)

    def is_outdated(self, rows: Sequence[Written], seen: list[Mapping[str, Any] | None]) -> bool:
        """Whether something was decided under what is no longer so; ``seen`` is brought up to
        date.
        """
        outdated = rows[0].i is None
        for row in rows:
            if row.verdict == "labels" and row.i is not None:
                seen[row.i] = parse_labels(row.labels)
                outdated = True
            elif row.verdict == "ended" and row.i is not None:
                # What ends by itself raises no epoch: the book is told.
                self.configuration.policies.grants.note_end(self.items[row.i].fields["en"])
                outdated = True
        return outdated

    def settle(self, rows: Sequence[Written]) -> Flow[Transacted | None]:
        """The answer; None where another session was quicker and another try is due."""
        if rows[0].verdict in {"replay", "reused"}:
            kept = yield from recall(self.configuration, self.actor, self.repeat)
            return (yield from self._repeated(kept)) if kept is not None else None
        for number, row in enumerate(rows):
            if (refused := refusal_of(row)) is not None:
                with at_operation(number):
                    raise refused
        if any(row.verdict != "done" for row in rows):
            return None
        results = []
        for number, row in enumerate(rows):
            results.append((yield from self._result(number, row)))
        return Transacted(results, xact=next((row.xact for row in rows if row.xact), None))

    def _rules(self) -> Flow[list[NamespaceRules]]:
        found: dict[str, NamespaceRules] = {}
        for number, operation in enumerate(self.operations):
            if operation.namespace not in found:
                with at_operation(number):
                    found[operation.namespace] = yield from namespace_rules(
                        self.configuration, operation.namespace
                    )
        return [found[operation.namespace] for operation in self.operations]

    def _prepare(self, seen: Sequence[Mapping[str, Any] | None]) -> Flow[list[Item]]:
        judge = (yield from judge_for(self.configuration, self.actor, self.call)).sharing()
        if self.agreed is not None:
            judge = judge.agreed()
        self.attempts = [
            self._attempt(operation, rules, judge)
            for operation, rules in zip(self.operations, self.rules, strict=True)
        ]
        guards = self._guards()
        prepared = yield from side_by_side(
            self.configuration.tenant_id,
            [
                attempt.prepare(seen[number])
                if attempt is not None
                else self._checked(number, judge, seen[number], guards.get(number))
                for number, attempt in enumerate(self.attempts)
            ],
        )
        items: list[Item] = []
        for number, item in enumerate(prepared):
            if isinstance(item, Ended):
                with at_operation(number, _member(self.operations[number].change, item.error)):
                    raise item.error
            items.append(item)
        if self.repeat is not None:
            items[0].fields["ik"] = self.repeat.key
            items[0].fields["ih"] = self.configuration.keys.value_hash(self.repeat.request).hex()
        return items

    def _attempt(self, operation: Operation, rules: NamespaceRules, judge: Judge) -> Attempt | None:
        if isinstance(operation.change, Check):
            return None
        order = Order(
            self.actor, self.call, operation.namespace, operation.key, operation.change,
            operation.conditions, None,
            approvals=self.agreed.approvals if self.agreed else (),
            pending=self.agreed.pending if self.agreed else None,
        )  # fmt: skip
        return Attempt(order, self.configuration, rules, judge)

    def _guards(self) -> dict[int, UUID]:
        """Which checks keep a key that is not there from being created: one for each such key that
        the transaction itself does not write.
        """
        guarded = {
            (operation.namespace, operation.key)
            for operation in self.operations
            if not isinstance(operation.change, Check)
        }
        guards: dict[int, UUID] = {}
        for number, operation in enumerate(self.operations):
            place = (operation.namespace, operation.key)
            if place not in guarded:
                guarded.add(place)
                guards[number] = uuid7()
        return guards

    def _checked(
        self, number: int, judge: Judge, seen: Mapping[str, Any] | None, guard: UUID | None
    ) -> Flow[Item]:
        operation, rules = self.operations[number], self.rules[number]
        permission = yield from judge.write("state.read_meta", rules, operation.key, seen, None)
        return check_item(
            namespace_id=rules.id,
            key=operation.key,
            actor=self.actor,
            decided_labels=permission.labels,
            decided_absent=permission.absent,
            if_version=operation.conditions.if_version,
            if_none=operation.conditions.if_none,
            fencing_token=operation.conditions.fencing_token,
            ends_at=permission.decision.ends_at,
            guard=guard,
        )

    def _result(self, number: int, row: Written) -> Flow[Result]:
        operation, attempt = self.operations[number], self.attempts[number]
        if attempt is None:
            return Result(operation, 200, row.version, None)
        outcome = yield from attempt.settle(row)
        if outcome is None:
            raise AssertionError("an operation that is done has an outcome")
        return Result(operation, outcome.status, row.version, outcome.entry)

    def _repeated(self, kept: Kept) -> Flow[Transacted]:
        """The first answer again: refused, or rebuilt from the revisions that were written."""
        if kept.verdict == "reused":
            raise IdempotencyKeyReused
        if kept.answer is not None:
            with at_operation(kept.operation or 0):
                raise lease_refusal(kept.row())
        if kept.status == 412:
            with at_operation(kept.operation or 0):
                raise PreconditionFailed(current_version=kept.version, headers=REPLAYED)
        if kept.versions is None:
            raise RequestInProgress
        revisions = yield from self._revisions(kept.versions)
        for number, revision in revisions.items():
            yield from meet_keys(self.configuration.keys, self.rules[number], (revision,))
        results = []
        for number, version in enumerate(kept.versions):
            with at_operation(number):
                results.append(self._result_again(number, version, revisions.get(number)))
        return Transacted(results, is_replay=True)

    def _result_again(self, number: int, version: int | None, revision: Revision | None) -> Result:
        operation, rules = self.operations[number], self.rules[number]
        if isinstance(operation.change, Check):
            return Result(operation, 200, version, None)
        if isinstance(operation.change, Delete):
            return Result(operation, 204, version, None)
        if revision is None or revision.value is None:
            raise Gone("What that request wrote has been purged.")
        data = open_data(self.configuration.keys, rules, operation.key, revision.id, revision.value)
        entry = entry_at(rules, operation.key, revision, data)
        if self.configuration.masks:  # decided by the first answer, not kept: all is masked
            kinds = masked_for(self.configuration, None, rules, operation.key, entry.labels)
            entry = masked_entry(entry, kinds)
        is_new = revision.created_at == revision.at and not isinstance(operation.change, Action)
        return Result(operation, 201 if is_new else 200, version, entry)

    def _revisions(self, versions: Sequence[int | None]) -> Flow[dict[int, Revision]]:
        asked = [
            {"i": number, "ns": rules.id, "k": operation.key, "v": version}
            for number, (operation, rules, version) in enumerate(
                zip(self.operations, self.rules, versions, strict=True)
            )
        ]
        rows = yield Statement(
            REVISION_EACH, (orjson.dumps(asked).decode(), self.configuration.tenant_id)
        )
        return {number: Revision(*row) for number, *row in rows}


def _member(change: Change | Check, error: StatewardError) -> str:
    """Where in an operation the pointers of ``error`` begin."""
    if isinstance(change, Patch) and isinstance(error, PatchTestFailed | PatchNotApplicable):
        return "/merge_patch" if change.is_merge else "/json_patch"
    return ""


@contextmanager
def at_operation(number: int, member: str = "") -> Iterator[None]:
    """What is refused in this block says which operation it was: its pointers are put below
    ``/operations/<n>``.
    """
    try:
        yield
    except StatewardError as error:
        place = f"/operations/{number}{member}"
        faults = error.errors or (Fault("", error.detail),)
        error.errors = tuple(Fault(place + fault.pointer, fault.message) for fault in faults)
        raise
