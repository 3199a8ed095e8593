"""The story of one write.

Load the tenant's configuration, decide, validate, compute, seal, ONE statement, answer. The flow is
free of I/O: the data
plane drives it asynchronously, the console and jobs synchronously. ``_write`` is the only place
that writes an entry; what
differs between put, patch, delete and roll back is the ``Change`` they hand it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.audit.record import recording
from stateward.gate.keys.ring import KeyRing, Sealed
from stateward.gate.keys.subjects import subject_for
from stateward.kernel.errors import (
    Gone,
    PreconditionFailed,
    PreconditionRequired,
    StatewardError,
    TooLarge,
    Unprocessable,
)
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.bounds import NO_BOUNDS
from stateward.state.configuration import (
    NamespaceRules,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import (
    FIELD,
    NO_LABELS,
    Entry,
    Principal,
    entry_at,
    meet_keys,
    open_data,
    parse_labels,
)
from stateward.state.exceptions import (
    ActionConflict,
    Contended,
    DailyQuotaExceeded,
    IdempotencyKeyReused,
    MergeConflict,
    NoSuchEntry,
    PatchTestFailed,
    QuotaExceeded,
    RequestInProgress,
    SchemaVersionRefused,
    SchemaVersionUnavailable,
    SchemaViolation,
    UnderHold,
    UseActions,
)
from stateward.state.frames import frame_of
from stateward.state.holds import NO_HOLDS
from stateward.state.judging import Judge, Permission, judge_for
from stateward.state.known import lower_values, raise_value
from stateward.state.leases import lease_refusal
from stateward.state.masking import check_masks, masked_entry, masked_for
from stateward.state.naming import check_key
from stateward.state.patches import json_patch, merge_patch
from stateward.state.quotas import require_room
from stateward.state.schemas import check_value
from stateward.state.services.changes import (
    KEEP,
    NO_CONDITIONS,
    Action,
    Bring,
    Change,
    Conditions,
    Delete,
    Patch,
    Put,
    RollBack,
)
from stateward.state.services.computing import Computation, Computed, Tries
from stateward.state.statements import (
    Found,
    Item,
    Read,
    Write,
    Written,
    write_item,
    written,
)
from stateward.state.usage import USAGE
from stateward.state.values import decode, enclose, encode
from stateward.tenancy.actors import Actor, Call

__all__ = [
    "KEEP", "Action", "Change", "Conditions", "Delete", "Outcome", "Patch", "Put", "Repeat",
    "RollBack", "act_on_entry", "delete_entry", "patch_entry", "put_entry", "roll_back_entry",
]  # fmt: skip

LONG_AGO_SECONDS = 3600.0
# of a change that is computed from the old value, and of a call whose rules changed under it
ATTEMPTS = 20
# What a rule, a schema or a mode may allow that is newer than those the process knows.
OUTDATED = frozenset(
    {
        UnderHold.code, SchemaViolation.code, SchemaVersionRefused.code,
        UseActions.code, ActionConflict.code, MergeConflict.code,
        SchemaVersionUnavailable.code, QuotaExceeded.code, DailyQuotaExceeded.code,
    }
)  # fmt: skip
PLAIN = frozenset({"last_write_wins", "versioned"})
# What a request can fail with before the statement sees it: a repeat may have been decided already.
UNDECIDED = (
    NoSuchEntry, PreconditionFailed, PatchTestFailed, ActionConflict, MergeConflict, Unprocessable,
    TooLarge, QuotaExceeded, DailyQuotaExceeded,
)  # fmt: skip
KEPT = """
SELECT request_hash, status, version, versions, operation, answer::text FROM stateward_idempotency
WHERE tenant_id = %s AND actor_id = %s AND key = %s
"""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The caller's idempotency key, and the bytes by which a repeat is known to be the same
    request.
    """

    key: str
    request: bytes


class Outcome(NamedTuple):
    """What a write led to. ``entry`` is None after a delete. The transaction is what
    ``Stateward-Consistency-Token`` names.
    """

    status: int
    entry: Entry | None
    is_replay: bool = False
    xact: int | None = None  # the transaction that wrote it; None of a repeat


class Order(NamedTuple):
    """One write as it was asked for."""

    actor: Actor
    call: Call
    namespace: str
    key: str
    change: Change
    conditions: Conditions
    repeat: Repeat | None
    known: int | None = None  # the version of the schema that the caller knows
    approvals: tuple[str, ...] = ()  # of those who accepted it
    proposal: UUID | None = None  # that it was
    pending: UUID | None = None  # it waited, and others agreed to it (``state/pending``)


def put_entry(
    actor: Actor, call: Call, namespace: str, key: str, put: Put,
    *, conditions: Conditions = NO_CONDITIONS, repeat: Repeat | None = None,
    known: int | None = None,
) -> Flow[Outcome]:  # fmt: skip
    """Create or replace an entry. 201 or 200. ``known``: the version of the schema that the value
    is of, if not the one in force (``state/known.py``).
    """
    return _write(Order(actor, call, namespace, check_key(key), put, conditions, repeat, known))


def patch_entry(
    actor: Actor, call: Call, namespace: str, key: str, patch: Patch,
    *, conditions: Conditions = NO_CONDITIONS, repeat: Repeat | None = None,
    known: int | None = None,
) -> Flow[Outcome]:  # fmt: skip
    """Change a part of the value. 404 if there is none, 409 ``contended`` after 20 lost races."""
    return _write(Order(actor, call, namespace, check_key(key), patch, conditions, repeat, known))


def bring_entry(  # noqa: PLR0917  # in the order of a sentence, as its siblings
    actor: Actor, call: Call, namespace: str, key: str, change: Bring, conditions: Conditions
) -> Flow[Outcome]:
    """Write a value that was brought to another version of the namespace's schema."""
    return _write(Order(actor, call, namespace, check_key(key), change, conditions, None))


def act_on_entry(
    actor: Actor, call: Call, namespace: str, key: str, action: Action,
    *, conditions: Conditions = NO_CONDITIONS, repeat: Repeat | None = None,
) -> Flow[Outcome]:  # fmt: skip
    """Do an action of the namespace's reducer or kind of replica. 200; 409 ``contended`` after 20
    lost races.
    """
    return _write(Order(actor, call, namespace, check_key(key), action, conditions, repeat))


def roll_back_entry(
    actor: Actor, call: Call, namespace: str, key: str, version: int,
    *, conditions: Conditions = NO_CONDITIONS, repeat: Repeat | None = None,
) -> Flow[Outcome]:  # fmt: skip
    """Write the value of ``version`` as a new revision. 404 if there is no such version, 410 if its
    value is gone.
    """
    change = RollBack(version)
    return _write(Order(actor, call, namespace, check_key(key), change, conditions, repeat))


def delete_entry(
    actor: Actor, call: Call, namespace: str, key: str,
    *, conditions: Conditions = NO_CONDITIONS, repeat: Repeat | None = None,
) -> Flow[Outcome]:  # fmt: skip
    """Remove the entry's value. 204, or 404 if there is none."""
    return _write(Order(actor, call, namespace, check_key(key), Delete(), conditions, repeat))


def _write(order: Order) -> Flow[Outcome]:
    # The entry's labels, once the statement has told us that they matter.
    seen: Mapping[str, Any] | None = None
    # The statement itself compares the epoch, so a write needs no fresh look before.
    max_age = LONG_AGO_SECONDS
    tries = Tries()
    for _ in range(ATTEMPTS):
        configuration = yield from load_configuration_for(order.actor, max_age=max_age)
        try:
            rules = yield from namespace_rules(configuration, order.namespace)
            attempt = Attempt(order, configuration, rules, tries=tries)
            verdict = yield from attempt.run(seen)
        except StatewardError as error:
            if max_age == 0 or not may_be_outdated(error):
                raise
            max_age = 0.0
            continue
        if verdict.verdict in {"stale", "ended"}:
            max_age = 0.0
            if verdict.verdict == "ended":  # raises no epoch: the book is told
                configuration.policies.grants.note_end(attempt.ends_at)
        elif verdict.verdict == "labels":
            seen = parse_labels(verdict.labels)
        elif verdict.verdict == "moved":
            tries.is_moved = True
        elif (outcome := (yield from attempt.settle(verdict))) is not None:
            return outcome
    raise Contended


def may_be_outdated(error: StatewardError) -> bool:
    """Whether a rule may have come into force that allows it: look again before refusing."""
    return error.status in {403, 404, 428} or error.code in OUTDATED


@dataclass(slots=True)
class Attempt:
    """One try of a write under one configuration: alone (``run``), or one of a transaction's
    (``prepare``).
    """

    order: Order
    configuration: TenantConfiguration
    rules: NamespaceRules
    judge: Judge | None = None  # a transaction's operations share one
    tries: Tries | None = None  # what the tries of a write alone share
    computed: Computed | None = None  # None of a deletion
    deleted_version: int | None = None  # the only one that may be deleted
    labels: Mapping[str, Any] | None = None  # asked for; None keeps
    data: bytes = b""  # the value as JSON
    subject: bytes | None = None  # whose key it is sealed under
    shown: bytes | None = None  # as a caller reads it that knows another version of the schema
    written_under: int | None = None  # the version of the schema that judged the value
    found: Found | None = None  # the row as it was read, where that had to be before deciding
    ends_at: datetime | None = None  # the earliest end of what allowed it

    def run(self, seen: Mapping[str, Any] | None) -> Flow[Written]:
        try:
            item = yield from self.prepare(seen)
        except UNDECIDED:
            kept = yield from recall(self.configuration, self.order.actor, self.order.repeat)
            if kept is None:
                raise
            return kept.row()
        epochs = (self.configuration.epochs.epoch, self.configuration.epochs.platform)
        return written((yield from recording(Write(self.configuration.tenant_id, epochs, item))))

    def prepare(self, seen: Mapping[str, Any] | None) -> Flow[Item]:
        """Decide, validate, compute, seal: what the statement is given."""
        self.labels = self._asked_labels()
        is_held = yield from self._held()
        permission = yield from self._decide(seen, is_held=is_held)
        self._require_conditions()
        yield from self._compute()
        check_masks(
            self.configuration, self.judge, self.rules, key=self.order.key,
            change=self.order.change, labels=permission.labels or NO_LABELS,
        )  # fmt: skip
        yield from self._find_subject()
        item = self._item(permission)
        if self.configuration.quotas and not isinstance(self.order.change, Delete):
            yield from require_room(self.configuration, self.rules, self.order.key, len(self.data))
        return item

    def settle(self, row: Written) -> Flow[Outcome | None]:
        """The answer to what the statement decided; None where another try is due."""
        match row.verdict:
            case "done":
                self._count(row)
                return self._answer(row)
            case "replay":
                return (yield from self._repeated(row))
        if row.verdict in {"precondition", "busy"}:
            USAGE.note(self.configuration.tenant_id, self.rules.id, conflicts=1)
        if (refused := refusal_of(row)) is not None:
            raise refused
        return None  # another session was quicker: once more

    def _count(self, row: Written) -> None:
        """What this process wrote is known to it at once, to others within two seconds."""
        more = 0 if row.was_alive else 1
        size = len(self.data)
        USAGE.note(
            self.configuration.tenant_id, self.rules.id,
            entries=-1 if isinstance(self.order.change, Delete) else more,
            size=size * (1 + more), writes=1,
        )  # fmt: skip

    def _asked_labels(self) -> Mapping[str, Any] | None:
        if not isinstance(self.order.change, Put) or isinstance(self.order.change.labels, str):
            return None
        return self.order.change.labels or NO_LABELS

    def _held(self) -> Flow[bool]:
        """Whether a hold keeps the entry from this deletion. Where that depends on who wrote last
        the row is read, and only that very version is deleted.
        """
        holds = self.rules.holds
        if holds is NO_HOLDS or not isinstance(self.order.change, Delete):
            return False
        if not holds.custodians:
            return holds.keeps(self.order.key)
        rows = yield Read(self.configuration.tenant_id, self.rules.id, self.order.key)
        self.found = Found(*rows[0]) if rows else None
        return self.found is not None and holds.keeps(self.order.key, (self.found.actor_id,))

    def _decide(self, seen: Mapping[str, Any] | None, *, is_held: bool) -> Flow[Permission]:
        action = "state.delete" if isinstance(self.order.change, Delete) else "state.write"
        if self.judge is None:
            self.judge = yield from judge_for(self.configuration, self.order.actor, self.order.call)
            if self.order.pending is not None:
                self.judge = self.judge.agreed()
        return (
            yield from self.judge.write(
                action, self.rules, self.order.key, seen, self.labels, is_held=is_held
            )
        )

    def _require_conditions(self) -> None:
        if self.rules.concurrency != "versioned":
            return
        if self.order.conditions.if_version is None and not self.order.conditions.if_none:
            raise PreconditionRequired

    def _compute(self) -> Flow[None]:
        change = self.order.change
        if isinstance(change, Delete):
            if self.rules.holds.custodians:
                self._only_what_was_found()
            return
        if self.order.known is None:
            self.computed = yield from self._computation().of(change)
        else:
            self.computed = yield from self._from_known(change, self.order.known)
        self._judge_value(change, self.computed.value)

    def _judge_value(self, change: Change, value: Any) -> None:
        """By the schema in force, and by one that is being activated; a value that is brought to
        another version of the schema, by that one.
        """
        if isinstance(change, Bring):
            self.written_under, validators = change.target, change.validators
        else:
            self.written_under, validators = self.rules.written_under, self.rules.validators
        for validator in validators:
            check_value(validator, value)

    def _from_known(self, change: Change, known: int) -> Flow[Computed]:
        """The new value, asked for by a client that knows another version of the schema."""
        configuration, rules = self.configuration, self.rules
        if isinstance(change, Put):
            raised = yield from raise_value(configuration, rules, known, change.value)
            computed = yield from self._computation().of(replace(change, value=raised.value))
            self.shown = encode(raised.shown) if computed.value is raised.value else None
            return computed
        if not isinstance(change, Patch) or rules.concurrency not in PLAIN:
            raise SchemaVersionRefused("Only put and patch take another version of the schema.")
        rows = yield Read(configuration.tenant_id, rules.id, self.order.key)
        if not rows:
            raise NoSuchEntry
        row = Found(*rows[0])
        yield from meet_keys(configuration.keys, rules, (row,))
        data = open_data(configuration.keys, rules, self.order.key, row.write_id, row.value or b"")
        found = [(self.order.key, row.version, decode(data))]
        (old,) = yield from lower_values(configuration, rules, known, found)
        apply = merge_patch if change.is_merge else json_patch
        raised = yield from raise_value(configuration, rules, known, apply(old, change.document))
        self.shown = encode(raised.shown)
        return Computed(raised.value, version=row.version)

    def _computation(self) -> Computation:
        return Computation(
            self.configuration, self.rules, self.order.key, self.order.conditions, self.tries
        )

    def _only_what_was_found(self) -> None:
        """Delete the version that no custodian's hold keeps, and no other."""
        if self.found is None:
            raise NoSuchEntry
        if self.order.conditions.if_version not in (None, self.found.version):
            raise PreconditionFailed(current_version=self.found.version)
        self.deleted_version = self.found.version

    def _item(self, permission: Permission) -> Item:
        """Seal the value, compose the audit record around what only the database knows, and pack
        both.
        """
        keys: KeyRing = self.configuration.keys
        decision = permission.decision
        self.ends_at = decision.ends_at
        sealed, value_hash = self._seal(keys)
        action = "state.delete" if isinstance(self.order.change, Delete) else "state.write"
        draft = frame_of(self.configuration, decision, action, self.rules).fill(
            self.order.call,
            decision_id=decision.id,
            after_hash=value_hash,
            approvals=self.order.approvals,
            personal={"key": self.order.key},
            extra=self._details(),
        )
        ttl, ttl_seconds = self._expiry()
        ground = self._ground()
        return write_item(
            namespace_id=self.rules.id,
            key=self.order.key,
            operation=self.order.change.operation,
            write_id=sealed.write_id if sealed is not None else uuid7(),
            draft=draft,
            value=sealed.data if sealed is not None else None,
            value_hash=value_hash,
            size_bytes=len(self.data),
            decided_labels=permission.labels,
            decided_absent=permission.absent,
            labels=self.labels,
            note=self.order.change.note,
            ttl=ttl,
            ttl_seconds=ttl_seconds,
            default_ttl_seconds=self.rules.default_ttl_seconds,
            if_version=ground.version,
            if_none=ground.is_first,
            is_own_version=ground.is_own,
            fencing_token=self.order.conditions.fencing_token,
            idempotency_key=self.order.repeat.key if self.order.repeat else None,
            request_hash=keys.value_hash(self.order.repeat.request) if self.order.repeat else None,
            ends_at=self.ends_at,
            schema_version=self.written_under,
        )

    def _find_subject(self) -> Flow[None]:
        """Whom the value is about, where the namespace seals each person's under their own key."""
        if self.rules.subject is None or self.computed is None:
            return
        keys, value = self.configuration.keys, self.computed.value
        self.subject = yield from subject_for(
            keys, self.rules.id, self.rules.subject, self.order.key, value
        )

    def _seal(self, keys: KeyRing) -> tuple[Sealed | None, bytes | None]:
        if isinstance(self.order.change, Delete):
            return None, None
        computed = self._computed()
        self.data = encode(computed.value)
        whole = self.data if computed.state is None else enclose(self.data, computed.state)
        bounds = self.configuration.bounds.get(self.rules.id, NO_BOUNDS)
        sealed = keys.seal(
            self.rules.id, self.order.key, FIELD, whole,
            compress_over=bounds.compress_over_bytes, subject=self.subject,
        )  # fmt: skip
        return sealed, keys.value_hash(whole)

    def _computed(self) -> Computed:
        if self.computed is None:
            raise AssertionError("what is sealed was computed before")
        return self.computed

    def _details(self) -> dict[str, Any]:
        """What the audit record says of the change beside its place and its hash."""
        change = self.order.change
        details: dict[str, Any] = {"operation": change.operation, "size_bytes": len(self.data)}
        if self.order.proposal is not None:
            details["proposal"] = str(self.order.proposal)
        if self.order.pending is not None:
            details["pending"] = str(self.order.pending)
        return details | {"action": change.type} if isinstance(change, Action) else details

    def _ground(self) -> _Ground:
        """What must stand for the write to be done. Where that is what was computed from and not
        what the caller demands, another try is due when it does not.
        """
        demanded = self.order.conditions
        computed = self.computed or Computed(None, version=self.deleted_version)
        if demanded.if_none or (demanded.if_version is not None and not computed.is_merged):
            return _Ground(demanded.if_version, demanded.if_none, is_own=False)
        is_own = computed.version is not None or computed.is_first
        return _Ground(computed.version, computed.is_first, is_own=is_own)

    def _expiry(self) -> tuple[str, float | None]:
        if not isinstance(self.order.change, Put) or isinstance(self.order.change.ttl_seconds, str):
            return KEEP, None
        if self.order.change.ttl_seconds is None:
            return "clear", None
        return "set", self.order.change.ttl_seconds

    def _answer(self, row: Written) -> Outcome:
        """The answer made from what was sent and what the database added."""
        if isinstance(self.order.change, Delete):
            return Outcome(204, None, xact=row.xact)
        if row.version is None or row.at is None or row.created_at is None:
            raise AssertionError("a write that is done has a version and times")
        is_update = row.was_alive or isinstance(self.order.change, Action | RollBack)
        entry = Entry(
            namespace=self.rules.name,
            key=self.order.key,
            data=self.data if self.shown is None else self.shown,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.at,
            updated_by=Principal(self.order.actor.type, self.order.actor.id, self.order.actor.name),
            expires_at=row.expires_at,
            labels=parse_labels(row.labels),
            size_bytes=len(self.data),
            classification=self.rules.classification,
        )
        return Outcome(200 if is_update else 201, self._seen(entry), xact=row.xact)

    def _seen(self, entry: Entry) -> Entry:
        """The entry as its writer may read it: masked where the namespace asks for that."""
        if not self.configuration.masks:
            return entry
        kinds = masked_for(self.configuration, self.judge, self.rules, self.order.key, entry.labels)
        return masked_entry(entry, kinds)

    def _repeated(self, row: Written) -> Flow[Outcome]:
        """The first answer again, rebuilt from the revision it wrote."""
        if row.lease is not None:
            raise lease_refusal(row)
        if row.status == 412:
            raise PreconditionFailed(
                current_version=row.version, headers={"Idempotency-Replayed": "true"}
            )
        if row.status == 204:
            return Outcome(204, None, is_replay=True)
        if not row.status or row.version is None:
            raise RequestInProgress
        revision = yield from self._computation().revision(row.version)
        if revision.value is None:
            raise Gone("What that request wrote has been purged.")
        yield from meet_keys(self.configuration.keys, self.rules, (revision,))
        data = open_data(
            self.configuration.keys, self.rules, self.order.key, revision.id, revision.value
        )
        if (known := self.order.known) is not None:
            found = [(self.order.key, row.version, decode(data))]
            lowered = yield from lower_values(self.configuration, self.rules, known, found)
            data = encode(lowered[0])
        entry = entry_at(self.rules, self.order.key, revision, data)
        return Outcome(row.status, self._seen(entry), is_replay=True)


class _Ground(NamedTuple):
    version: int | None
    is_first: bool  # there must be none
    is_own: bool


def refusal_of(row: Written) -> StatewardError | None:
    """What the caller is told of what the statement refused; None where another try is due."""
    match row.verdict:
        case "precondition":
            return PreconditionFailed(current_version=row.version)
        case "leased" | "fenced":
            return lease_refusal(row)
        case "absent":
            return NoSuchEntry()
        case "reused":
            return IdempotencyKeyReused()
    return None


class Kept(NamedTuple):
    """What is kept under an idempotency key. A transaction has a version for each operation, and of
    a failed one the operation that failed.
    """

    verdict: str  # replay, or reused: by another request
    status: int
    version: int | None
    versions: list[int | None] | None
    operation: int | None
    answer: str | None  # JSON: of a refusal by a lease

    def row(self) -> Written:
        """As the statement would have said it."""
        return Written(
            None, self.verdict, self.version, None, None, None, None, None, self.status, None,
            self.answer,
        )  # fmt: skip


def recall(
    configuration: TenantConfiguration, actor: Actor, repeat: Repeat | None
) -> Flow[Kept | None]:
    """What was kept under the idempotency key, for a request that fails before it reaches the
    statement.
    """
    if repeat is None:
        return None
    rows = yield Statement(KEPT, (configuration.tenant_id, actor.id, repeat.key))
    if not rows:
        return None
    request_hash, *kept = rows[0]
    is_same = bytes(request_hash) == configuration.keys.value_hash(repeat.request)
    return Kept("replay" if is_same else "reused", *kept)
