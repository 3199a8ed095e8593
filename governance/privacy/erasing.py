"""The job that erases: the frozen list, batch by batch, each one transaction with its proof.

Within a batch, after the epoch's row is locked, holds and retain rules are read again. What a hold
keeps stays. What a retain rule keeps is put under a restriction until the rule lets go, and is then
erased without being asked for again (GDPR 17(3), 18). All else loses its values, its history and
what the audit says of it in plain. A worker killed anywhere leaves whole batches, or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import orjson
from django.db.models import QuerySet

from governance.privacy.acts import own_call, system
from governance.privacy.finding import Fate, Place, hashes_of, last_named
from governance.privacy.models import OPEN, SubjectItem, SubjectRequest
from governance.privacy.outside import write_outside
from governance.privacy.restricting import restrict
from governance.privacy.settling import settle
from governance.retention.queries import rules_in_force
from governance.retention.survey import Ground
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.governed import SUBJECT_STORES
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.keeping import kept_at
from stateward.state.services.purging import PurgeRule, lock_batch, purge_batch
from stateward.tenancy.scope import run_flow

BATCH = 200
FORGET = """
DELETE FROM stateward_subject_entry e USING json_to_recordset(%s::json) AS x (ns uuid, k text)
WHERE e.tenant_id = %s AND e.namespace_id = x.ns AND e.key = x.k COLLATE "C"
  AND (e.id_hash = ANY (%s) OR %s)
"""


def erase(run: Run) -> Outcome:
    """Erase what the run's request lists. ClockJumped (503) where the clock cannot be trusted."""
    request_id = UUID(run.params["request"])
    assert run.tenant_id is not None  # noqa: S101  # it is asked for in a tenant
    counts: Counter[str] = Counter({"erased": 0, "held": 0, "retained": 0, "leased": 0})
    after = UUID(int=0)
    while True:
        with run.scope():
            run.guard()
            rows = open_items(run.tenant_id, request_id).filter(id__gt=after).order_by("id")
            # Locked first, so that a second run of the same waits, and then finds them erased.
            items = list(rows.select_related("request").select_for_update(of=("self",))[:BATCH])
            if not items:
                break
            counts.update(_batch(run, items))
        # On its own: it raises the epoch, whose row the batch has locked for sharing.
        with run.scope():
            run.guard()
            retained = [item for item in items if item.state == "retained"]
            if retained:
                restrict(items[0].request, [(item.namespace_id, item.key) for item in retained])
        after = items[-1].id
        run.progress(sum(counts.values()), None, "erasing")
    with run.scope():
        run.guard()
        request = SubjectRequest.objects.select_for_update().get(
            tenant_id=run.tenant_id, id=request_id
        )
        if request.state in OPEN:
            settle(system(run.tenant_id), own_call(run.id), request)
    write_outside(run.tenant_id)
    return Outcome(dict(counts), has_findings=counts["held"] + counts["leased"] > 0)


def open_items(tenant_id: UUID, request_id: UUID) -> QuerySet[SubjectItem, SubjectItem]:
    """What of the list is still there."""
    rows = SubjectItem.objects.filter(tenant_id=tenant_id, request_id=request_id)
    return rows.exclude(state="erased")


def _batch(run: Run, items: Sequence[SubjectItem]) -> Counter[str]:
    """One batch, in the transaction under way: what became of each."""
    places = [(item.namespace_id, item.key) for item in items]
    approvals = tuple(run.params.get("approvals", ()))
    fates, batch_id = run_flow(_purge(run.id, items[0].request, places, approvals))
    for item, place in zip(items, places, strict=True):
        item.state, item.keep_until = fates.get(place, ("erased", None))
        if item.state == "erased":
            item.key, item.batch_id = "", batch_id
    SubjectItem.objects.bulk_update(items, ["state", "keep_until", "key", "batch_id"])
    return Counter(item.state for item in items)


Fates = dict[Place, tuple[str, datetime | None]]


def _purge(
    run_id: UUID, request: SubjectRequest, places: Sequence[Place], approvals: tuple[str, ...]
) -> Flow[tuple[Fates, UUID]]:
    """Purge what may go; what becomes of each place that is still there, and the proof's id."""
    tenant_id = request.tenant_id
    there = yield from kept_at(tenant_id, places)
    frozen = [(kept.namespace_id, kept.key, kept.version) for kept in there]
    batch = yield from lock_batch(tenant_id, frozen, past={place[0] for place in places})
    # What is leased, or being written at this moment, is left to the next run.
    fates: Fates = {kept.place: ("leased", None) for kept in there}
    fates |= {kept.place: ("held", None) for kept in batch.held}
    due, behind = [], []
    named = yield from last_named(request, places)
    rules = rules_in_force(tenant_id, batch.at)
    base = Ground(rules, batch.namespaces, batch.configuration, batch.at)
    for kept in batch.free:
        fate = Fate(kept, base.resolve(kept), is_held=False)
        if fate.state(batch.at) == "retained":
            fates[kept.place] = ("retained", fate.keep_until)
        else:
            fates[kept.place] = ("erased", None)
            last = named.get(kept.place, kept.version)
            # What is newer is about somebody else, or nobody: it lives on.
            if kept.is_alive and last < kept.version:
                behind.append((kept, last))
            else:
                due.append(kept)
    rule = _rule(request, batch.at, approvals)
    purged = yield from purge_batch(batch, due, rule, run_id=run_id, behind=behind)
    gone = [place for place in places if fates.get(place, ("erased",))[0] == "erased"]
    for store in SUBJECT_STORES.values():
        if store.erase is not None:
            yield from store.erase(tenant_id, gone)
    items = orjson.dumps([{"ns": namespace, "k": key} for namespace, key in gone]).decode()
    older = {kept.place: last for kept, last in behind}
    yield Statement(FORGET, (items, tenant_id, hashes_of(request), not older))
    if older:
        whole = [place for place in gone if place not in older]
        items = orjson.dumps([{"ns": namespace, "k": key} for namespace, key in whole]).decode()
        yield Statement(FORGET, (items, tenant_id, [], True))
    return fates, purged.batch_id


def _rule(request: SubjectRequest, at: datetime, approvals: tuple[str, ...]) -> PurgeRule:
    """All that the audit says of it in plain goes too, however young."""
    name = request.reference[:200]
    return PurgeRule(request.id, 1, name, at, kind="subject_request", approvals=approvals)
