"""The sweep: page by page, what is due by rules in force, purged in batches with their proofs.

Each batch is one transaction. The list is frozen before it: namespace, key and version. Within it,
after the epoch's row is locked, rules and holds are read again, and each key is resolved again as
it stands under its own lock: what is not due any more, or is due under another rule, is left to
the next sweep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from governance.retention.fitness import AUDIT_DAYS
from governance.retention.queries import rules_in_force
from governance.retention.survey import FIRST, PAGE, Ground, Place, due_by_rule, ground
from governance.retention.terms import Rule
from stateward.kernel.flow import Flow
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration
from stateward.state.keeping import Kept, scan_kept
from stateward.state.services.clocks import check_clock
from stateward.state.services.purging import (
    LockedBatch,
    Purged,
    PurgeRule,
    lock_batch,
    purge_batch,
)
from stateward.tenancy.scope import run_flow

BATCH = 200  # keys in one transaction: other writers of the tenant's rules wait for no more


def sweep(run: Run) -> Outcome:
    """Purge what is due in the run's tenant. ClockJumped (503) where the clock cannot be
    trusted.
    """
    tenant_id = run.tenant_id
    if tenant_id is None:
        raise LookupError("A sweep is about one tenant.")
    kept: dict[str, Any] = dict(run.checkpoint or {})
    counts: Counter[str] = Counter(kept.get("counts", {}))
    after: Place = (UUID(kept["namespace"]), kept["key"]) if kept else FIRST
    while True:
        with run.scope():
            base = run_flow(_base(tenant_id))
            page = run_flow(scan_kept(tenant_id, after=after, limit=PAGE, past=base.past))
            found = run_flow(base.judge(page))
        counts["looked_at"] += len(page)
        counts["held"] += sum(one.verdict.state == "held" for one in found)
        counts["retained"] += sum(one.verdict.state == "retained" for one in found)
        for rule, due in due_by_rule(found):
            for start in range(0, len(due), BATCH):
                purged = _purge(run, tenant_id, rule, due[start : start + BATCH])
                counts["listed"] += len(due[start : start + BATCH])
                if purged is not None:
                    counts.update(_counts(purged))
                run.progress(counts["looked_at"], None, "purging")
        if len(page) < PAGE:
            return Outcome({**_NOTHING, **counts})
        after = page[-1].place
        run.keep({"namespace": str(after[0]), "key": after[1], "counts": dict(counts)})
        run.progress(counts["looked_at"], None, "looking")


_NOTHING = {"looked_at": 0, "purged": 0, "batches": 0, "held": 0, "retained": 0}


def _base(tenant_id: UUID) -> Flow[Ground]:
    now = yield from check_clock()
    configuration = yield from load_configuration(tenant_id, max_age=0)
    return (yield from ground(configuration, rules_in_force(tenant_id, now), now))


def _purge(run: Run, tenant_id: UUID, rule: Rule, due: Sequence[Kept]) -> Purged | None:
    """One batch, in one transaction; None where nothing of it was left to purge."""
    frozen = [(kept.namespace_id, kept.key, kept.version) for kept in due]
    with run.scope():
        run.guard()
        past = {kept.namespace_id for kept in due}
        batch = run_flow(lock_batch(tenant_id, frozen, past=past))
        still = _still_due(tenant_id, batch, rule)
        if not still:
            return None
        forgets = batch.at - timedelta(days=AUDIT_DAYS) if rule.terms.erase_audit else None
        by = PurgeRule(rule.id, rule.version, rule.name, forgets)
        return run_flow(purge_batch(batch, still, by, run_id=run.id))


def _still_due(tenant_id: UUID, batch: LockedBatch, rule: Rule) -> list[Kept]:
    """Of the locked rows those that this very version of the rule still wants gone."""
    rules = rules_in_force(tenant_id, batch.at)
    base = Ground(rules, batch.namespaces, batch.configuration, batch.at)
    still = []
    for kept in batch.free:
        verdict = base.resolve(kept)
        by = verdict.delete_by
        if verdict.state == "due" and by and (by.id, by.version) == (rule.id, rule.version):
            still.append(kept)
    return still


def _counts(purged: Purged) -> dict[str, int]:
    return {
        "batches": 1,
        "purged": purged.entries,
        "bytes": purged.emptied.bytes,
        "revisions": purged.emptied.revisions,
        "audit_payloads": purged.emptied.audit_payloads,
        "held_meanwhile": purged.held,
    }
