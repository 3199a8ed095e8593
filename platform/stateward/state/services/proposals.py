"""Proposing a value, and deciding on it: load, decide, ONE statement, answer.

Whose permission counts: the proposer's ``state.propose`` and ``state.write``, when they propose and
again when the value is written, which is done in their name; each voter's ``state.vote``, when they
vote and again when the value is written. So a vote lets through what its proposer might have
written, and never more. What a deciding vote writes goes through ``Attempt``, as every write does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.audit.record import Draft, compose, recording
from stateward.gate.keys.subjects import subject_for
from stateward.gate.policy.principals import load_principal, load_principals
from stateward.kernel.errors import (
    Fault,
    PreconditionFailed,
    StatewardError,
    Unavailable,
    Unprocessable,
)
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    NamespaceRules,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.entries import NO_LABELS, Principal, meet_keys, parse_labels
from stateward.state.exceptions import (
    Contended,
    IdempotencyKeyReused,
    NoSuchProposal,
    NotVoter,
    ProposalOver,
    ProposalRefused,
    RequestInProgress,
)
from stateward.state.judging import Judge, Permission, judge_for
from stateward.state.leases import lease_refusal
from stateward.state.masking import masked_value
from stateward.state.naming import check_key
from stateward.state.proposals import (
    FIELD,
    FIND,
    LIST,
    Place,
    Proposal,
    ProposalOrder,
    Told,
    VoteName,
    proposal_of,
)
from stateward.state.queries import open_reader
from stateward.state.rendering import exact
from stateward.state.services.changes import Put
from stateward.state.services.entries import (
    ATTEMPTS,
    LONG_AGO_SECONDS,
    Attempt,
    Conditions,
    Order,
    Repeat,
    may_be_outdated,
    recall,
)
from stateward.state.statements import Found, Item, Read
from stateward.state.values import decode, encode
from stateward.tenancy.actors import Actor, Call

MAX_VOTERS = 100
MAX_LIFE_SECONDS = 30 * 86_400.0
DEFAULT_LIFE_SECONDS = 86_400.0

VOTERS = """
SELECT 'agent', a.id, a.name, a.id::text, a.name FROM stateward_agent a
WHERE a.tenant_id = %(tenant)s AND (a.id::text = ANY (%(names)s) OR a.name = ANY (%(names)s))
UNION ALL
SELECT 'member', m.id, coalesce(nullif(p.name, ''), p.email), m.id::text, p.email
FROM stateward_member m JOIN stateward_person p ON p.id = m.person_id
WHERE m.tenant_id = %(tenant)s AND (m.id::text = ANY (%(names)s) OR p.email = ANY (%(names)s))
"""


class Wish(NamedTuple):
    """What is proposed. ``voters``: ids or names of agents, ids or addresses of members, each with
    ``agent:`` or ``member:`` before it where it could be either.
    """

    key: str
    value: Any
    quorum: int
    voters: tuple[str, ...]
    expires_in_seconds: float = DEFAULT_LIFE_SECONDS
    note: str | None = None
    if_version: int | None = None


class Decided(NamedTuple):
    """How a proposal stands after a call."""

    status: int
    proposal: Proposal
    is_replay: bool = False
    xact: int | None = None  # the transaction, where this call wrote the entry


class ProposalPage(NamedTuple):
    items: list[Proposal]
    next_before: UUID | None


def propose(
    actor: Actor, call: Call, namespace: str, wish: Wish, *, repeat: Repeat | None = None
) -> Flow[Decided]:
    """A new proposal. Refused for whatever a put of the value now would be refused for, but a
    lease.
    """
    check_key(wish.key)

    def order(ground: _Ground) -> Flow[ProposalOrder]:
        permission = yield from ground.may("state.propose")
        voters = yield from _voters(actor.tenant_id, wish)
        put = Put(wish.value, note=wish.note)
        item = yield from ground.attempt(actor, call, put, wish.if_version).prepare(ground.seen)
        data = encode(wish.value)
        keys, rules = ground.configuration.keys, ground.rules
        subject = yield from subject_for(keys, rules.id, rules.subject, wish.key, wish.value)
        sealed = keys.seal(rules.id, wish.key, FIELD, data, subject=subject)
        value_hash = ground.configuration.keys.value_hash(data)
        proposal_id = uuid7()
        fields = {
            "op": "propose",
            "id": proposal_id,
            "quorum": wish.quorum,
            "voters": [{"type": one.type, "id": one.id, "name": one.name} for one in voters],
            "wid": sealed.write_id,
            "vh": value_hash.hex(),
            "sz": len(data),
            "ifv": wish.if_version,
            "note": wish.note,
            "secs": wish.expires_in_seconds,
        }
        extra = {
            "operation": "propose", "quorum": wish.quorum, "size_bytes": len(data),
            "voters": [f"{one.type}:{one.id}" for one in voters],
        }  # fmt: skip
        draft = ground.draft(permission, proposal_id, extra, after_hash=value_hash)
        both = _both(permission, item)
        return ground.order(fields, draft, both, repeat, value=sealed.data)

    told = yield from _settle(_Asked(actor, call, namespace, wish.key, repeat), order)
    if told.id is None:
        raise AssertionError("a proposal that is made has an id")
    return (yield from _decided(actor, namespace, told, told.id))


def vote_on(
    actor: Actor, call: Call, namespace: str, proposal_id: UUID, vote: VoteName,
    *, repeat: Repeat | None = None,
) -> Flow[Decided]:  # fmt: skip
    """Accept or reject, by one whom the proposal names. A later vote replaces the earlier one.

    The vote that makes the quorum writes the value, in its own transaction and the proposer's name;
    where that cannot be done (423 a lease, 412 another version, 409 what else) it is not counted.
    The one that makes the quorum impossible ends the proposal.
    """
    me: Place = (actor.type, actor.id)

    def order(ground: _Ground) -> Flow[ProposalOrder]:
        permission = yield from ground.may("state.vote")
        proposal = yield from _open_proposal(ground, proposal_id)
        if not proposal.names(me):
            raise NotVoter
        after = proposal.with_vote(me, vote, proposal.created_at)
        standing = yield from _standing(ground, after, permission)
        outcome = after.outcome(standing)
        item = None
        if outcome == "committed":
            item = yield from _commit(ground, after, standing)
        extra = {"operation": vote, "outcome": outcome}
        draft = ground.draft(permission, proposal.id, extra)
        fields = {
            "op": vote, "id": proposal.id, "votes": proposal.counter, "outcome": outcome,
        }  # fmt: skip
        return ground.order(fields, draft, permission, repeat, item=item)

    key = yield from _key_of(actor, call, namespace, proposal_id)
    told = yield from _settle(_Asked(actor, call, namespace, key, repeat), order)
    return (yield from _decided(actor, namespace, told, proposal_id))


def withdraw_proposal(
    actor: Actor, call: Call, namespace: str, proposal_id: UUID, *, repeat: Repeat | None = None
) -> Flow[bool]:
    """Take an open proposal back; its proposer alone may. Answers whether this was a repeat."""

    def order(ground: _Ground) -> Flow[ProposalOrder]:
        permission = yield from ground.may("state.propose")
        proposal = yield from _open_proposal(ground, proposal_id)
        if (proposal.proposer.type, proposal.proposer.id) != (actor.type, actor.id):
            raise NotVoter("Only its proposer may take a proposal back.")
        draft = ground.draft(permission, proposal.id, {"operation": "withdraw"})
        fields = {
            "op": "withdraw", "id": proposal.id, "votes": proposal.counter, "outcome": "withdrawn",
        }  # fmt: skip
        return ground.order(fields, draft, permission, repeat)

    key = yield from _key_of(actor, call, namespace, proposal_id)
    told = yield from _settle(_Asked(actor, call, namespace, key, repeat), order)
    return told.verdict == "replay"


def find_proposal(
    actor: Actor, call: Call, namespace: str, proposal_id: UUID, *, with_value: bool = True
) -> Flow[Proposal]:
    """One proposal. Its value is read as the entry's is: by the same decision, and recorded."""
    max_age = MAX_AGE_SECONDS
    while True:
        reader = yield from open_reader(actor, call, namespace, max_age)
        rows = yield Statement(FIND, (actor.tenant_id, reader.rules.id, proposal_id))
        if not rows:
            yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
            raise NoSuchProposal
        proposal = proposal_of(reader.rules.name, rows[0])
        labels = yield from _labels(actor.tenant_id, reader.rules.id, proposal.key)
        action = "state.read_value" if with_value else "state.read_meta"
        decision = yield from reader.require(action, proposal.key, labels)
        if not with_value or proposal.value is None:
            return proposal
        extra = {"operation": "read_proposal", "proposal": str(proposal.id)}
        if (yield from reader.record(decision, {"key": proposal.key}, extra)):
            yield from meet_keys(reader.configuration.keys, reader.rules, (proposal,))
            opened = _opened(reader.configuration, reader.rules, proposal)
            kinds = reader.masks(proposal.key, labels)
            if not kinds or opened.data is None:
                return opened
            return replace(opened, data=exact(masked_value(decode(opened.data), kinds)))
        max_age = 0.0


def list_proposals(
    actor: Actor, call: Call, namespace: str,
    *, state: str | None = None, before: UUID | None = None, limit: int = 100,
) -> Flow[ProposalPage]:  # fmt: skip
    """Newest first, without values: those for keys whose facts the caller may read."""
    reader = yield from open_reader(actor, call, namespace, MAX_AGE_SECONDS)
    yield from reader.judge.require("namespace.read", reader.rules, reader.rules.resource())
    kept: list[Proposal] = []
    place = before or UUID(int=2**128 - 1)
    while True:
        asked = {"tenant": actor.tenant_id, "namespace": reader.rules.id}
        rows = yield Statement(LIST, {**asked, "before": place, "state": state, "limit": limit + 1})
        for row in rows:
            resource = reader.rules.entry(row[1], parse_labels(row[-1]))
            if not reader.judge.decide("state.read_meta", resource).allowed:
                continue
            if len(kept) == limit:
                return ProposalPage(kept, kept[-1].id)
            kept.append(proposal_of(reader.rules.name, row))
        if len(rows) <= limit:
            return ProposalPage(kept, None)
        place = rows[-1][0]


class _Ground(NamedTuple):
    """What one try of a call stands on."""

    actor: Actor
    call: Call
    key: str
    configuration: TenantConfiguration
    rules: NamespaceRules
    judge: Judge
    seen: Mapping[str, Any] | None  # the entry's labels, once the statement has said they matter

    def may(self, action: str) -> Flow[Permission]:
        return self.judge.write(action, self.rules, self.key, self.seen, None)

    def attempt(
        self, actor: Actor, call: Call, put: Put, if_version: int | None, **more: Any
    ) -> Attempt:
        conditions = Conditions(if_version)
        order = Order(actor, call, self.rules.name, self.key, put, conditions, None, **more)
        return Attempt(order, self.configuration, self.rules)

    def draft(
        self, permission: Permission, proposal_id: UUID, extra: Mapping[str, Any],
        *, after_hash: bytes | None = None,
    ) -> Draft:  # fmt: skip
        decision = permission.decision
        return compose(
            actor=self.actor,
            call=self.call,
            action="state.vote" if "outcome" in extra else "state.propose",
            resource_type="proposal",
            resource_id=str(proposal_id),
            reason=decision.reason,
            decision=decision.facts(),
            namespace_id=self.rules.id,
            classification=self.rules.classification,
            after_hash=after_hash,
            personal={"key": self.key},
            extra=extra,
        )

    def order(
        self, fields: dict[str, Any], draft: Draft, permission: Permission, repeat: Repeat | None,
        *, value: bytes = b"", item: Item | None = None,
    ) -> ProposalOrder:  # fmt: skip
        fields |= {
            "ns": self.rules.id,
            "k": self.key,
            "dl": permission.labels,
            "da": permission.absent,
            "en": permission.decision.ends_at,
            "ik": repeat.key if repeat else None,
            "ih": self.configuration.keys.value_hash(repeat.request).hex() if repeat else None,
        }
        epochs = (self.configuration.epochs.epoch, self.configuration.epochs.platform)
        return ProposalOrder(self.configuration.tenant_id, epochs, fields, draft, value, item)


class _Asked(NamedTuple):
    """Who asks for what about which key."""

    actor: Actor
    call: Call
    namespace: str
    key: str
    repeat: Repeat | None


def _settle(asked: _Asked, order: Callable[[_Ground], Flow[ProposalOrder]]) -> Flow[Told]:
    """Try until the statement has decided, as a write does."""
    actor, call, namespace, key, repeat = asked
    seen = None
    max_age = LONG_AGO_SECONDS
    for _ in range(ATTEMPTS):
        configuration = yield from load_configuration_for(actor, max_age=max_age)
        try:
            rules = yield from namespace_rules(configuration, namespace)
            judge = yield from judge_for(configuration, actor, call)
            ground = _Ground(actor, call, key, configuration, rules, judge, seen)
            statement = yield from order(ground)
        except StatewardError as error:
            if max_age > 0 and (may_be_outdated(error) or isinstance(error, ProposalRefused)):
                max_age = 0.0
                continue
            kept = yield from recall(configuration, actor, repeat)
            if kept is None:
                raise
            return _answered(Told(kept.verdict, kept.status, *[None] * 9))
        told = Told(*(yield from recording(statement))[0])
        if told.verdict in {"stale", "ended"}:
            max_age = 0.0
            if told.verdict == "ended":
                for end in (statement.fields["en"], statement.item and statement.item.fields["en"]):
                    configuration.policies.grants.note_end(end)
        elif told.verdict == "labels":
            seen = parse_labels(told.labels)
        elif told.verdict not in {"again", "busy", "moved"}:
            return _answered(told)
    raise Contended


def _answered(told: Told) -> Told:
    match told.verdict:
        case "absent":
            raise NoSuchProposal
        case "over":
            raise ProposalOver
        case "precondition":
            raise PreconditionFailed(current_version=told.version)
        case "leased" | "fenced":
            raise lease_refusal(told.written())
        case "reused":
            raise IdempotencyKeyReused
        case "replay" if not told.status:
            raise RequestInProgress
    return told


def _both(propose: Permission, write: Item) -> Permission:
    """What both permissions allow: labels under which there may be an entry, or that there be
    none.
    """
    labels = propose.labels if write.fields["dl"] == propose.labels else None
    return propose._replace(labels=labels, absent=propose.absent and write.fields["da"])


def _open_proposal(ground: _Ground, proposal_id: UUID) -> Flow[Proposal]:
    tenant_id = ground.configuration.tenant_id
    rows = yield Statement(FIND, (tenant_id, ground.rules.id, proposal_id))
    if not rows:
        raise NoSuchProposal
    proposal = proposal_of(ground.rules.name, rows[0])
    if proposal.state != "open":
        raise ProposalOver(state=proposal.state)
    return proposal


def _standing(ground: _Ground, proposal: Proposal, permission: Permission) -> Flow[set[Place]]:
    """Which voters may still vote: asked anew when the value is about to be written."""
    voters: set[Place] = {(voter.type, voter.id) for voter in proposal.voters}
    if proposal.votes_of("accept") < proposal.quorum:
        return voters
    resource = ground.rules.entry(ground.key, permission.labels or NO_LABELS)
    others = voters - {(ground.actor.type, ground.actor.id)}
    standing = voters - others
    for kind in ("agent", "member"):
        ids = [place for of, place in others if of == kind]
        if not ids:
            continue
        for voter in (yield from load_principals(ground.configuration.tenant_id, kind, ids)):
            judge = Judge(ground.configuration, voter, Call(request_id=ground.call.request_id))
            if judge.decide("state.vote", resource).allowed:
                standing.add((voter.type, voter.id))
    return standing


def _commit(ground: _Ground, proposal: Proposal, standing: set[Place]) -> Flow[Item]:
    """The write that the deciding vote makes, in the proposer's name."""
    configuration, rules = ground.configuration, ground.rules
    by = proposal.proposer
    proposer = yield from load_principal(configuration.tenant_id, by.type, str(by.id))
    if proposer is None:
        raise ProposalRefused("Whoever proposed it is no longer here.", reason="proposer_gone")
    accepted = [
        f"{kind}:{voter}"
        for (kind, voter), vote in proposal.votes.items()
        if vote.vote == "accept" and (kind, voter) in standing
    ]
    yield from meet_keys(configuration.keys, rules, (proposal,))
    opened = _opened(configuration, rules, proposal)
    put = Put(decode(opened.data or b"null"), note=proposal.note)
    call = Call(request_id=ground.call.request_id, run=ground.call.run)
    attempt = ground.attempt(
        proposer, call, put, proposal.if_version,
        approvals=tuple(sorted(accepted)), proposal=proposal.id,
    )  # fmt: skip
    try:
        return (yield from attempt.prepare(ground.seen))
    except (PreconditionFailed, Unavailable):
        raise
    except StatewardError as error:
        said = f"The value may not be written now; your vote was not counted: {error.detail}"
        raise ProposalRefused(said, errors=error.errors, reason=error.code) from error


def _opened(
    configuration: TenantConfiguration, rules: NamespaceRules, proposal: Proposal
) -> Proposal:
    sealed = proposal.value or b""
    data = configuration.keys.open(rules.id, proposal.key, FIELD, proposal.write_id, sealed)
    return replace(proposal, data=data)


def _voters(tenant_id: UUID, wish: Wish) -> Flow[list[Principal]]:
    """The voters by name: 422 for one who is not here, or is named twice."""
    names = [name.removeprefix("agent:").removeprefix("member:") for name in wish.voters]
    rows = yield Statement(VOTERS, {"tenant": tenant_id, "names": names})
    found: list[Principal] = []
    faults = []
    for number, (asked, name) in enumerate(zip(wish.voters, names, strict=True)):
        kind = asked[: -len(name) - 1] if asked != name else None
        fit = {
            Principal(*row[:3]) for row in rows if name in row[3:] and kind in {None, row[0]}
        }  # fmt: skip
        if len(fit) != 1:
            said = "no agent or member of this tenant" if not fit else "more than one; say which"
            faults.append(Fault(f"/voters/{number}", said))
        elif (one := fit.pop()) in found:
            faults.append(Fault(f"/voters/{number}", "named twice"))
        else:
            found.append(one)
    if faults:
        raise Unprocessable("Not every voter is known here.", errors=tuple(faults))
    return found


def _labels(tenant_id: UUID, namespace_id: UUID, key: str) -> Flow[Mapping[str, Any]]:
    rows = yield Read(tenant_id, namespace_id, key)
    return parse_labels(Found(*rows[0]).labels) if rows else NO_LABELS


def _key_of(actor: Actor, call: Call, namespace: str, proposal_id: UUID) -> Flow[str]:
    configuration = yield from load_configuration_for(actor)
    rules = yield from namespace_rules(configuration, namespace)
    rows = yield Statement(FIND, (actor.tenant_id, rules.id, proposal_id))
    if rows:
        return str(rows[0][1])
    judge = yield from judge_for(configuration, actor, call)
    yield from judge.require("namespace.read", rules, rules.resource())
    raise NoSuchProposal


def _decided(actor: Actor, namespace: str, told: Told, proposal_id: UUID) -> Flow[Decided]:
    configuration = yield from load_configuration_for(actor)
    rules = yield from namespace_rules(configuration, namespace)
    rows = yield Statement(FIND, (actor.tenant_id, rules.id, proposal_id))
    if not rows:
        raise NoSuchProposal
    is_replay = told.verdict == "replay"
    return Decided(told.status or 200, proposal_of(rules.name, rows[0]), is_replay, told.xact)
