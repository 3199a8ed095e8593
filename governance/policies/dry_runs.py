"""Trying a version on the recorded access log before it is in force.

Each decision of the window is made twice: by the rules in force, and by the same with this version
in place of the policy's active one. What differs is the version's effect. Beside it is told how
often the rules in force answer otherwise than was recorded then (other rules, grants or attributes
since), and, for decisions made by exactly these rules, how often a replay differs: the proof of the
replay itself, which must be none but for grants that have come or ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from governance.evidence.acts import audit_log
from governance.people.acts import judge
from governance.policies.acts import resource_of
from governance.policies.books import books_with
from governance.policies.exceptions import NoSuchDryRun
from governance.policies.models import DryRun
from governance.policies.queries import readable_policy
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.models import PolicyVersion
from stateward.gate.policy.permits import permit, record
from stateward.gate.policy.replay import INVARIANT, Recorded, Replay, Undecidable
from stateward.gate.policy.requests import Decision
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import unfit
from stateward.kernel.flow import Statement
from stateward.operations.jobs.running import Run
from stateward.operations.jobs.services import start
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import execute, tenant_scope

JOB = "policies.dry_run"
USUAL_WINDOW = timedelta(days=7)
LONGEST_WINDOW = timedelta(days=366)
BATCH = 5_000
MOST_GROUPS = 500
MOST_SAMPLES = 20  # of a group
NOW = "SELECT clock_timestamp()"
RECORDS = """
SELECT r.at, r.id, r.action, r.actor_type, r.actor_id, r.actor_name, r.namespace_id,
    r.record, r.payload::text
FROM stateward_audit_record r
WHERE r.tenant_id = %(tenant)s AND r.decision_id IS NOT NULL
  AND (r.at, r.id) > (%(at)s, %(id)s) AND r.at < %(until)s
  AND (%(spaces)s::uuid[] IS NULL OR r.namespace_id = ANY (%(spaces)s))
ORDER BY r.at, r.id LIMIT %(limit)s
"""
COUNTED = """
SELECT c.minute, c.class, c.action, c.actor_type, c.actor_id, c.namespace_id, c.decision::text,
    c.count
FROM stateward_audit_read_count c
WHERE c.tenant_id = %(tenant)s AND (c.minute, c.class) > (%(at)s, %(class)s)
  AND c.minute < %(until)s
  AND (%(spaces)s::uuid[] IS NULL OR c.namespace_id = ANY (%(spaces)s))
ORDER BY c.minute, c.class LIMIT %(limit)s
"""
SNAPSHOTS = """
SELECT hash, document::text FROM stateward_policy_snapshot WHERE tenant_id = %s AND hash = ANY (%s)
"""
SPACES = """
SELECT id, name FROM stateward_namespace
WHERE tenant_id = %s AND (%s = '' OR name = %s OR starts_with(name, %s || '.'))
"""
FIRST = UUID(int=0)
UNKNOWN = frozenset({"purpose", "source_address"})  # a count does not say whether there was one


@dataclass(slots=True)
class Group:
    """Decisions of one kind that the version would change."""

    change: str  # allow_to_deny, deny_to_allow, undecidable
    actor: tuple[str, str, str]  # type, id, name
    action: str
    namespace: str | None
    reason: str
    count: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What was found so far; each number counts decisions."""

    decisions: int = 0
    records: int = 0
    unchanged: int = 0
    allow_to_deny: int = 0
    deny_to_allow: int = 0
    undecidable: int = 0
    invariant: int = 0  # refused by what no rule can change: among the unchanged
    otherwise_today: int = 0  # the rules in force answer otherwise than then
    same_rules: int = 0  # decided by exactly the rules in force
    same_rules_differ: int = 0
    groups: dict[tuple[Any, ...], Group] = field(default_factory=dict)
    other_groups: int = 0  # decisions of groups past ``MOST_GROUPS``

    def as_json(self) -> dict[str, Any]:
        numbers = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in {"groups", "other_groups"}
        }
        found = sorted(self.groups.values(), key=lambda group: -group.count)
        groups = [
            {
                "change": group.change,
                "actor": dict(zip(("type", "id", "name"), group.actor, strict=True)),
                "action": group.action,
                "namespace": group.namespace,
                "reason": group.reason,
                "count": group.count,
                "samples": group.samples,
            }
            for group in found
        ]
        return numbers | {"groups": groups, "other_groups": self.other_groups}


def ask_for_dry_run(
    actor: Actor,
    call: Call,
    policy_id: UUID,
    *,
    version: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    namespace: str = "",
) -> DryRun:
    """Start one, as a job; by default of the newest version over the last week."""
    with tenant_scope(actor.tenant_id):
        policy = readable_policy(actor, call, policy_id)
        decision = permit(actor, call, "policy.explain", resource_of(policy))
        number = version or policy.latest_version
        chosen = policy.versions.filter(number=number).first()
        if chosen is None:
            raise unfit("version", f"this policy has the versions 1 to {policy.latest_version}")
        now: datetime = execute(Statement(NOW, ()))[0][0]
        end = min(until or now, now)
        begin = since or end - USUAL_WINDOW
        if not timedelta() < end - begin <= LONGEST_WINDOW:
            raise unfit("since", "before until, by at most 366 days")
        made = DryRun.objects.create(
            tenant_id=actor.tenant_id,
            policy=policy,
            version=number,
            sha256=chosen.sha256,
            since=begin,
            until=end,
            namespace=namespace,
            asked_by_type=actor.type,
            asked_by_id=actor.id,
            asked_by_name=actor.name[:200],
        )
        params = {"dry_run": str(made.id)}
        made.run_id = start(JOB, tenant_id=actor.tenant_id, params=params, actor=actor)
        made.save(update_fields=["run_id"])
        details = {"event": "policy.dry_run", "version": number, "sha256": chosen.sha256}
        record(call, decision, "policy.explain", resource_of(policy), details)
        return DryRun.objects.select_related("policy").get(id=made.id)


def dry_runs_of(actor: Actor, call: Call, policy_id: UUID) -> Any:
    """Those of one policy, for who may read it. In the tenant's scope."""
    policy = readable_policy(actor, call, policy_id)
    permit(actor, call, "policy.explain", resource_of(policy))
    return DryRun.objects.filter(tenant_id=actor.tenant_id, policy=policy)


def find_dry_run(actor: Actor, call: Call, dry_run_id: UUID) -> DryRun:
    """One of them; NoSuchDryRun (404) also for a policy that one may not read."""
    found = DryRun.objects.select_related("policy").filter(tenant_id=actor.tenant_id, id=dry_run_id)
    made = found.first()
    if made is None:
        raise NoSuchDryRun
    permit(actor, call, "policy.read", resource_of(made.policy), hide=True)
    permit(actor, call, "policy.explain", resource_of(made.policy))
    return made


def may_see_samples(actor: Actor, call: Call) -> bool:
    """Single decisions of others are the audit's to show."""
    return judge(actor, call)("audit.read", audit_log(actor))


def carry_out(dry_run_id: UUID, run: Run) -> DryRun:
    """Replay the window; again on a finished one changes nothing."""
    assert run.tenant_id is not None  # noqa: S101  # the job is a tenant's
    with tenant_scope(run.tenant_id):
        made = DryRun.objects.select_related("policy").get(tenant_id=run.tenant_id, id=dry_run_id)
        if made.finished_at is not None:
            return made
        tenant = Tenant.objects.get(id=run.tenant_id)
        comparison = Comparison(tenant, made, *_books(made))
    for seen in comparison.batches():
        run.progress(seen, stage="replaying")
    with tenant_scope(run.tenant_id):
        run.guard()
        made.result = comparison.tally.as_json()
        made.policy_set = comparison.now.version
        made.finished_at = execute(Statement(NOW, ()))[0][0]
        made.save(update_fields=["result", "policy_set", "finished_at"])
    return made


def _books(made: DryRun) -> tuple[PolicyBook, PolicyBook]:
    """The rules in force, and the same with the version that is tried."""
    version = PolicyVersion.objects.get(
        tenant_id=made.tenant_id, policy_id=made.policy_id, number=made.version
    )
    return books_with(made.tenant_id, made.policy, version.text, version.number)


class Comparison:
    """One window's decisions, made by two books."""

    def __init__(self, tenant: Tenant, made: DryRun, now: PolicyBook, tried: PolicyBook) -> None:
        self.now, self.tried, self.tally = now, tried, Tally()
        self._made, self._tenant = made, tenant
        self._documents: dict[str, Mapping[str, Any]] = {}
        self._replay = Replay(tenant.id, tenant.slug, self._documents)
        name = made.namespace
        rows = execute(Statement(SPACES, (tenant.id, name, name, name)))
        self._spaces: dict[UUID, str] = {row[0]: row[1] for row in rows}

    def batches(self) -> Iterator[int]:
        """Work through the window; how many rows were seen after each batch."""
        seen = 0
        for source in (self._records, self._counts):
            for batch in source():
                with tenant_scope(self._tenant.id):
                    self._load_documents(batch)
                for recorded, about in batch:
                    self._compare(recorded, about)
                seen += len(batch)
                yield seen

    def _window(self) -> dict[str, Any]:
        spaces = list(self._spaces) if self._made.namespace else None
        return {
            "tenant": self._tenant.id,
            "at": self._made.since,
            "until": self._made.until,
            "spaces": spaces,
            "limit": BATCH,
        }

    def _records(self) -> Iterator[list[tuple[Recorded, tuple[Any, ...]]]]:
        wanted = self._window() | {"id": FIRST}
        while True:
            with tenant_scope(self._tenant.id):
                rows = execute(Statement(RECORDS, wanted))
            if not rows:
                return
            yield [pair for row in rows if (pair := _recorded(row)) is not None]
            wanted |= {"at": rows[-1][0], "id": rows[-1][1]}

    def _counts(self) -> Iterator[list[tuple[Recorded, tuple[Any, ...]]]]:
        wanted = self._window() | {"class": b""}
        while True:
            with tenant_scope(self._tenant.id):
                rows = execute(Statement(COUNTED, wanted))
            if not rows:
                return
            yield [_counted(row) for row in rows]
            wanted |= {"at": rows[-1][0], "class": rows[-1][1]}

    def _load_documents(self, batch: list[tuple[Recorded, tuple[Any, ...]]]) -> None:
        names = ("principal_snapshot", "resource_snapshot", "delegator_snapshot")
        wanted = {
            one.facts[name] for one, _ in batch for name in names if name in one.facts
        } - self._documents.keys()
        if wanted:
            rows = execute(Statement(SNAPSHOTS, (self._tenant.id, sorted(wanted))))
            self._documents.update((digest, orjson.loads(text)) for digest, text in rows)

    def _compare(self, recorded: Recorded, about: tuple[Any, ...]) -> None:
        tally, count = self.tally, recorded.times
        tally.decisions += count
        tally.records += recorded.record_id is not None
        if recorded.facts["outcome"] == INVARIANT:
            tally.invariant += count
            tally.unchanged += count
            return
        try:
            asked = self._replay.asked(recorded)
            before = self._replay.decide(self.now, asked, recorded)
            after = self._replay.decide(self.tried, asked, recorded)
        except Undecidable as reason:
            tally.undecidable += count
            self._note("undecidable", recorded, about, str(reason))
            return
        was_allowed = recorded.facts["outcome"] == "allow"
        is_other = before.allowed is not was_allowed
        tally.otherwise_today += count if is_other else 0
        if recorded.facts.get("policy_set") == self.now.version:
            tally.same_rules += count
            tally.same_rules_differ += count if is_other else 0
        if before.allowed is after.allowed:
            tally.unchanged += count
        elif before.allowed:
            tally.allow_to_deny += count
            self._note("allow_to_deny", recorded, about, after.reason, (before, after))
        else:
            tally.deny_to_allow += count
            self._note("deny_to_allow", recorded, about, after.reason, (before, after))

    def _note(
        self,
        change: str,
        recorded: Recorded,
        about: tuple[Any, ...],
        reason: str,
        decisions: tuple[Decision, Decision] | None = None,
    ) -> None:
        *who, namespace_id = about
        key = (change, *who, recorded.action, namespace_id, reason)
        group = self.tally.groups.get(key)
        if group is None:
            if len(self.tally.groups) >= MOST_GROUPS:
                self.tally.other_groups += recorded.times
                return
            actor = (str(who[0]), str(who[1]), str(who[2]))
            name = self._spaces.get(namespace_id)
            group = Group(change, actor, recorded.action, name, reason)
            self.tally.groups[key] = group
        group.count += recorded.times
        if len(group.samples) < MOST_SAMPLES:
            sample: dict[str, Any] = {"at": rfc3339(recorded.at), "count": recorded.times}
            if recorded.record_id is not None:
                sample["record"] = str(recorded.record_id)
            if decisions is not None:
                before, after = decisions
                sample["in_force"] = _told(before)
                sample["tried"] = _told(after)
            group.samples.append(sample)


def _told(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome,
        "reason": decision.reason,
        "determining": list(decision.determining)[:20],
    }


def _recorded(row: tuple[Any, ...]) -> tuple[Recorded, tuple[Any, ...]] | None:
    at, record_id, action, kind, actor_id, name, namespace_id, body, payload = row
    document = orjson.loads(bytes(body))
    facts = document.get("decision")
    if not isinstance(facts, dict) or "outcome" not in facts:
        return None  # not a decision, or one that outgrew its record
    personal = orjson.loads(payload)
    committed = document.get("personal") or {}
    details = document.get("details") or {}
    recorded = Recorded(
        at=at,
        action=action,
        facts=facts,
        personal={name: text for name, text in personal.items() if name != "salts"},
        missing=frozenset(name for name in UNKNOWN if name in committed and name not in personal),
        times=int(details.get("count", 1)) if "first" in details and "last" in details else 1,
        record_id=record_id,
    )
    return recorded, (kind, actor_id, name, namespace_id)


def _counted(row: tuple[Any, ...]) -> tuple[Recorded, tuple[Any, ...]]:
    minute, _, action, kind, actor_id, namespace_id, facts, count = row
    recorded = Recorded(minute, action, orjson.loads(facts), {}, UNKNOWN, count)
    return recorded, (kind, actor_id, "", namespace_id)
