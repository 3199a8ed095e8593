"""Taking, renewing, releasing and ending leases: load, decide, ONE statement, answer.

Like a write, and free of I/O. Whoever waits for a lease calls ``acquire_lease`` again when
``lease_turn`` says so; who waits where is ``dataplane/waiting.py``'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.audit.record import compose, recording
from stateward.kernel.errors import Fault, StatewardError, Unprocessable
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    NamespaceRules,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import Principal, parse_labels
from stateward.state.exceptions import (
    Contended,
    IdempotencyKeyReused,
    NoSuchLease,
    NotLeaseHolder,
    RequestInProgress,
)
from stateward.state.judging import judge_for
from stateward.state.leases import Lease, LeaseOrder, Told, principal_of, taken
from stateward.state.naming import check_key
from stateward.state.services.entries import ATTEMPTS, LONG_AGO_SECONDS, Repeat, may_be_outdated
from stateward.tenancy.actors import Actor, Call

MAX_LEASE_SECONDS = 86_400.0
MAX_REASON = 500

FIND = """
SELECT key, lease_actor_type, lease_actor_id, lease_actor_name FROM stateward_entry
WHERE tenant_id = %s AND namespace_id = %s AND lease_id = %s AND lease_until > clock_timestamp()
"""
# In order of granting: ids are drawn in time.
LIST = """
SELECT e.lease_id, e.key, e.lease_token, e.lease_until, e.lease_actor_type, e.lease_actor_id,
    e.lease_actor_name, CASE WHEN e.is_alive THEN e.labels::text END,
    (SELECT count(*) FROM stateward_lease_ticket t WHERE t.tenant_id = e.tenant_id
        AND t.namespace_id = e.namespace_id AND t.key = e.key AND t.until > clock_timestamp())
FROM stateward_entry e
WHERE e.tenant_id = %s AND e.namespace_id = %s AND e.lease_id IS NOT NULL AND e.lease_id > %s
  AND e.lease_until > clock_timestamp() ORDER BY e.lease_id LIMIT %s
"""
TURN = "SELECT * FROM stateward_lease_turn(%s, %s, %s, %s)"
LEAVE = "DELETE FROM stateward_lease_ticket WHERE tenant_id = %s AND id = %s"


class Granted(NamedTuple):
    """What became of a request for a lease, or of its renewal."""

    status: int
    lease: Lease
    is_replay: bool = False


class Waiting(NamedTuple):
    """Not yet: ``ahead`` others come first, or the lease is not over for ``seconds``."""

    ahead: int
    seconds: float


class Turn(NamedTuple):
    """How it stands with a ticket. ``is_turn``: ask for the lease now."""

    stands: bool
    is_turn: bool
    ahead: int
    seconds: float | None


class Listed(NamedTuple):
    """A lease, and how many wait for it."""

    lease: Lease
    waiting: int
    is_written: bool = True  # whether there is an entry now


class LeasePage(NamedTuple):
    items: list[Listed]
    next_after: UUID | None


class Request(NamedTuple):
    """What is asked of one lease."""

    actor: Actor
    call: Call
    namespace: str
    key: str
    op: str  # acquire, renew, release, end
    lease_id: UUID
    action: str = "state.lease"
    ttl_seconds: float | None = None
    ticket: UUID | None = None
    waits: bool = False
    repeat: Repeat | None = None
    reason: str = ""  # why another's is ended
    ended: str = ""  # whose


def acquire_lease(
    actor: Actor,
    call: Call,
    namespace: str,
    key: str,
    ttl_seconds: float,
    *,
    ticket: UUID | None = None,
    waits: bool = False,
    repeat: Repeat | None = None,
) -> Flow[Granted | Waiting]:
    """The lease on a key for ``ttl_seconds``; Leased (423) where somebody has it or came earlier.

    With ``waits`` the caller's ``ticket`` is drawn, and kept, instead.
    """
    request = Request(
        actor, call, namespace, check_key(key), "acquire", uuid7(), ttl_seconds=ttl_seconds,
        ticket=ticket, waits=waits, repeat=repeat,
    )  # fmt: skip
    told = yield from _ask(request)
    if told.verdict == "waiting":
        return Waiting(told.ahead or 0, told.seconds or 0)
    return _granted(request, told)


def renew_lease(
    actor: Actor, call: Call, namespace: str, lease_id: UUID, ttl_seconds: float,
    *, repeat: Repeat | None = None,
) -> Flow[Granted]:  # fmt: skip
    """Hold the lease for ``ttl_seconds`` from now. 404 once it has ended, 403 for whoever does not
    hold it.
    """
    key, _ = yield from _find(actor, call, namespace, lease_id, repeat)
    request = Request(
        actor, call, namespace, key, "renew", lease_id, ttl_seconds=ttl_seconds, repeat=repeat
    )
    return _granted(request, (yield from _ask(request)))


def release_lease(
    actor: Actor, call: Call, namespace: str, lease_id: UUID,
    *, reason: str | None = None, repeat: Repeat | None = None,
) -> Flow[bool]:  # fmt: skip
    """Give the lease back, or with a ``reason`` end another's (``state.break_lease``): whatever its
    holder still sends under its token is refused. Answers whether this was a repeat.
    """
    key, holder = yield from _find(actor, call, namespace, lease_id, repeat)
    is_own = (holder.type, holder.id) == (actor.type, actor.id)
    if is_own or (reason is None and holder.type == ""):
        request = Request(actor, call, namespace, key, "release", lease_id, repeat=repeat)
    else:
        request = Request(
            actor, call, namespace, key, "end", lease_id, "state.break_lease",
            repeat=repeat, reason=reason or "", ended=f"{holder.type}:{holder.id}",
        )  # fmt: skip
    told = yield from _ask(request, check=_reason_given if request.op == "end" else None)
    return told.verdict == "replay"


def _reason_given(request: Request) -> None:
    """Asked only of those who may end it: what is missing says that it is another's."""
    if not request.reason.strip() or len(request.reason) > MAX_REASON:
        message = f"why another's lease is ended, in 1 to {MAX_REASON} characters"
        raise Unprocessable(f"reason: {message}.", errors=(Fault("", message),))


def lease_turn(tenant_id: UUID, ticket: UUID, actor: Actor, repeat: Repeat | None) -> Flow[Turn]:
    """Keep the place in line, and look whether it is its turn."""
    key = repeat.key if repeat else None
    rows = yield Statement(TURN, (tenant_id, ticket, actor.id, key))
    return Turn(*rows[0])


def leave_line(tenant_id: UUID, ticket: UUID) -> Flow[None]:
    """Stop waiting."""
    yield Statement(LEAVE, (tenant_id, ticket))


def list_leases(
    actor: Actor, call: Call, namespace: str, *, after: UUID | None = None, limit: int = 100
) -> Flow[LeasePage]:
    """The leases that are held now, oldest first, on keys whose facts the caller may read."""
    configuration = yield from load_configuration_for(actor, max_age=MAX_AGE_SECONDS)
    rules = yield from namespace_rules(configuration, namespace)
    judge = yield from judge_for(configuration, actor, call)
    yield from judge.require("namespace.read", rules, rules.resource())
    kept: list[Listed] = []
    place = after or UUID(int=0)
    while True:
        rows = yield Statement(LIST, (actor.tenant_id, rules.id, place, limit + 1))
        for row in rows:
            resource = rules.entry(row[1], parse_labels(row[7]))
            if not judge.decide("state.read_meta", resource).allowed:
                continue
            if len(kept) == limit:
                return LeasePage(kept, kept[-1].lease.id)
            lease = Lease(row[0], rules.name, row[1], row[2], row[3], Principal(*row[4:7]))
            kept.append(Listed(lease, row[8], row[7] is not None))
        if len(rows) <= limit:
            return LeasePage(kept, None)
        place = rows[-1][0]


def _find(
    actor: Actor, call: Call, namespace: str, lease_id: UUID, repeat: Repeat | None
) -> Flow[tuple[str, Principal]]:
    """The key of a lease and who has it; of a repeat, whose lease may be over, its key."""
    configuration = yield from load_configuration_for(actor)
    rules = yield from namespace_rules(configuration, namespace)
    rows = yield Statement(FIND, (actor.tenant_id, rules.id, lease_id))
    if rows:
        return rows[0][0], Principal(*rows[0][1:])
    if repeat is not None:
        rows = yield Statement(
            "SELECT entry_key FROM stateward_idempotency WHERE tenant_id = %s AND actor_id = %s "
            "AND key = %s AND namespace_id = %s AND entry_key IS NOT NULL",
            (actor.tenant_id, actor.id, repeat.key, rules.id),
        )
        if rows:
            return rows[0][0], Principal("", actor.id, "")
    judge = yield from judge_for(configuration, actor, call)
    yield from judge.require("namespace.read", rules, rules.resource())
    raise NoSuchLease


def _ask(request: Request, *, check: Callable[[Request], None] | None = None) -> Flow[Told]:
    seen = None
    max_age = LONG_AGO_SECONDS
    for _ in range(ATTEMPTS):
        configuration = yield from load_configuration_for(request.actor, max_age=max_age)
        try:
            rules = yield from namespace_rules(configuration, request.namespace)
            order = yield from _order(request, configuration, rules, seen)
            if check is not None:
                check(request)
        except StatewardError as error:
            if max_age == 0 or not may_be_outdated(error):
                raise
            max_age = 0.0
            continue
        told = Told(*(yield from recording(order))[0])
        if told.verdict in {"stale", "ended"}:
            max_age = 0.0
            if told.verdict == "ended":
                configuration.policies.grants.note_end(order.fields["en"])
        elif told.verdict == "labels":
            seen = parse_labels(told.labels)
        else:
            return _settled(told)
    raise Contended


def _order(
    request: Request,
    configuration: TenantConfiguration,
    rules: NamespaceRules,
    seen: Any,
) -> Flow[LeaseOrder]:
    judge = yield from judge_for(configuration, request.actor, request.call)
    permission = yield from judge.write(request.action, rules, request.key, seen, None)
    decision = permission.decision
    personal, extra = {"key": request.key}, {"operation": request.op}
    extra["lease"] = str(request.lease_id)
    if request.ended:  # what people write may be personal
        personal["reason"], extra["holder"] = request.reason, request.ended
    draft = compose(
        actor=request.actor,
        call=request.call,
        action=request.action,
        resource_type="entry",
        resource_id=str(rules.id),
        reason=decision.reason,
        decision=decision.facts(),
        namespace_id=rules.id,
        classification=rules.classification,
        personal=personal,
        extra=extra,
    )
    repeat = request.repeat
    fields = {
        "op": request.op,
        "ns": rules.id,
        "k": request.key,
        "id": request.lease_id,
        "ttl": request.ttl_seconds,
        "dl": permission.labels,
        "da": permission.absent,
        "en": decision.ends_at,
        "ticket": request.ticket,
        "waits": request.waits,
        "ik": repeat.key if repeat else None,
        "ih": configuration.keys.value_hash(repeat.request).hex() if repeat else None,
    }
    epochs = (configuration.epochs.epoch, configuration.epochs.platform)
    return LeaseOrder(configuration.tenant_id, epochs, fields, draft)


def _settled(told: Told) -> Told:
    match told.verdict:
        case "leased":
            raise taken(told)
        case "absent":
            raise NoSuchLease
        case "stranger":
            raise NotLeaseHolder
        case "reused":
            raise IdempotencyKeyReused
        case "replay" if told.status == 423:
            raise taken(told, is_replay=True)
        case "replay" if not told.status:
            raise RequestInProgress
    return told


def _granted(request: Request, told: Told) -> Granted:
    if told.id is None or told.token is None or told.until is None or told.holder is None:
        raise AssertionError("a lease that is granted has an id, a token, a holder and an end")
    holder = principal_of(json.loads(told.holder))
    until: datetime = told.until
    lease = Lease(told.id, request.namespace, request.key, told.token, until, holder)
    is_replay = told.verdict == "replay"
    status = told.status if is_replay and told.status else 201 if request.op == "acquire" else 200
    return Granted(status, lease, is_replay)
