"""Windows: the job that gives up what a namespace's bounds no longer keep.

History is trimmed key by key, as the walk along it in order of time comes by a revision: what is
new since the last time, and everything once a day, so that what a hold or a retain rule kept then
is not forgotten. A hold wins, then a retain rule; the newest revision and what a checkpoint stands
on are kept by the database itself (``stateward_trim_history``). Entries past the newest n are
purged like those a rule has come to, with tombstones and proof. Each batch is one transaction with
its record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson

from governance.retention.queries import rules_in_force
from governance.retention.survey import Ground
from stateward.gate.audit.record import append, compose
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.bounds import Bounds
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.keeping import Kept, KeptNamespace
from stateward.state.services.clocks import check_clock
from stateward.state.services.purging import (
    LockedBatch,
    PurgeRule,
    lock_batch,
    purge_batch,
)
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow

ROWS = 2_000  # of the history in one step of the walk
BATCH = 200  # keys in one transaction
LATE = timedelta(minutes=10)  # a revision may become visible so long after its time
ANEW = timedelta(days=1)

BEGIN = (
    "INSERT INTO stateward_tier (tenant_id, namespace_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
)
WALK = """
SELECT t.trim_at, t.trim_began, clock_timestamp(), b.updated_at FROM stateward_tier t
JOIN stateward_bounds b ON b.tenant_id = t.tenant_id AND b.namespace_id = t.namespace_id
WHERE t.tenant_id = %s AND t.namespace_id = %s
"""
STEP = """
SELECT at, key FROM stateward_revision WHERE tenant_id = %s AND namespace_id = %s AND at > %s
ORDER BY at, id LIMIT %s
"""
VERSIONS = """
SELECT key, version FROM stateward_entry WHERE tenant_id = %s AND namespace_id = %s
  AND key = ANY (%s) AND version > 0
"""
TRIM = "SELECT * FROM stateward_trim_history(%s, %s::json)"
KEEP = """
UPDATE stateward_tier SET trim_at = %s, trim_began = %s, updated_at = clock_timestamp()
WHERE tenant_id = %s AND namespace_id = %s
"""
COUNT = """
UPDATE stateward_tier SET trimmed_revisions = trimmed_revisions + %s,
    trimmed_bytes = trimmed_bytes + %s, purged_entries = purged_entries + %s,
    updated_at = clock_timestamp()
WHERE tenant_id = %s AND namespace_id = %s
"""
# Counting ends where it is known that there are more.
MORE = """
SELECT count(*) > %s FROM (SELECT FROM stateward_entry WHERE tenant_id = %s AND namespace_id = %s
    AND is_alive LIMIT %s) AS living
"""
OLDEST = """
SELECT key, version FROM stateward_entry WHERE tenant_id = %s AND namespace_id = %s AND is_alive
ORDER BY updated_at DESC, key DESC OFFSET %s LIMIT %s
"""


class Walk(NamedTuple):
    """Where the walk along a namespace's history stands."""

    at: datetime
    began: datetime
    until: datetime  # what is newer is come by again: some of it may not be visible yet


def apply_windows(run: Run) -> Outcome:
    """Give up what is past the windows of the run's tenant. ClockJumped (503) where the clock
    cannot be trusted.
    """
    tenant_id = run.tenant_id
    if tenant_id is None:
        raise LookupError("Windows are about one tenant.")
    with run.scope():
        run_flow(check_clock())
        bounds = dict(run_flow(load_configuration(tenant_id, max_age=0)).bounds)
    counts: Counter[str] = Counter({"trimmed_revisions": 0, "trimmed_bytes": 0, "purged": 0})
    for number, (namespace_id, bound) in enumerate(bounds.items()):
        run.progress(number, len(bounds), "namespaces")
        if bound.keep_revisions is not None or bound.keep_history_bytes is not None:
            _trim(run, tenant_id, namespace_id, counts)
        if bound.keep_entries is not None:
            _purge(run, tenant_id, namespace_id, bound, counts)
    return Outcome(dict(counts))


def _trim(run: Run, tenant_id: UUID, namespace_id: UUID, counts: Counter[str]) -> None:
    with run.scope():
        walk = run_flow(_begin(tenant_id, namespace_id))
    while True:
        with run.scope():
            rows = run_flow(_step(tenant_id, namespace_id, walk.at))
        keys = sorted({key for _, key in rows})
        for start in range(0, len(keys), BATCH):
            with run.scope():
                run.guard()
                revisions, size = run_flow(
                    _trim_batch(tenant_id, namespace_id, keys[start : start + BATCH], run.id)
                )
            counts["trimmed_revisions"] += revisions
            counts["trimmed_bytes"] += size
        run.progress(counts["trimmed_revisions"], None, "trimming")
        if len(rows) < ROWS:
            break
        # All of one moment are taken together, or the walk would not get past them.
        last = rows[-1][0]
        is_one_moment = rows[0][0] == last
        walk = walk._replace(at=last if is_one_moment else last - timedelta(microseconds=1))
        with run.scope():
            run_flow(_keep(tenant_id, namespace_id, walk))
    with run.scope():
        run_flow(_keep(tenant_id, namespace_id, walk._replace(at=walk.until)))


def _begin(tenant_id: UUID, namespace_id: UUID) -> Flow[Walk]:
    """From where it ended; from the beginning once a day, and when the window has changed."""
    yield Statement(BEGIN, (tenant_id, namespace_id))
    rows = yield Statement(WALK, (tenant_id, namespace_id))
    at, began, now, changed = rows[0]
    if began < changed or now - began > ANEW:
        first = datetime(1970, 1, 1, tzinfo=now.tzinfo)
        return Walk(first, now, now - LATE)
    return Walk(at, began, now - LATE)


def _step(tenant_id: UUID, namespace_id: UUID, at: datetime) -> Flow[list[tuple[datetime, str]]]:
    rows = yield Statement(STEP, (tenant_id, namespace_id, at, ROWS))
    return [(row[0], row[1]) for row in rows]


def _keep(tenant_id: UUID, namespace_id: UUID, walk: Walk) -> Flow[None]:
    yield Statement(KEEP, (min(walk.at, walk.until), walk.began, tenant_id, namespace_id))


def _trim_batch(
    tenant_id: UUID, namespace_id: UUID, keys: Collection[str], run_id: UUID
) -> Flow[tuple[int, int]]:
    """Trim these keys' history, but for those that a hold or a retain rule keeps."""
    rows = yield Statement(VERSIONS, (tenant_id, namespace_id, list(keys)))
    batch = yield from lock_batch(tenant_id, [(namespace_id, key, v) for key, v in rows])
    free = _unretained(batch, tenant_id)
    if not free:
        return 0, 0
    items = [{"ns": namespace_id, "k": kept.key} for kept in free]
    found = yield Statement(TRIM, (tenant_id, orjson.dumps(items).decode()))
    revisions, size = found[0][0], int(found[0][1])
    if revisions:
        space = batch.namespaces[namespace_id]
        yield from _note(batch.configuration, space, batch, run_id, (len(free), revisions, size))
        yield Statement(COUNT, (revisions, size, 0, tenant_id, namespace_id))
    return revisions, size


def _unretained(batch: LockedBatch, tenant_id: UUID) -> list[Kept]:
    """The locked rows that no rule in force has kept to this day."""
    rules = rules_in_force(tenant_id, batch.at)
    base = Ground(rules, batch.namespaces, batch.configuration, batch.at)
    return [kept for kept in batch.free if not _is_retained(base, kept)]


def _is_retained(base: Ground, kept: Kept) -> bool:
    until = base.resolve(kept).retain_until
    return until is not None and until > base.now


def _note(
    configuration: TenantConfiguration,
    space: KeptNamespace,
    batch: LockedBatch,
    run_id: UUID,
    counts: Sequence[int],
) -> Flow[None]:
    tenant_id = configuration.tenant_id
    bounds = configuration.bounds.get(space.id, Bounds())
    keys, revisions, size = counts
    draft = compose(
        actor=Actor("system", PLATFORM, "windows", tenant_id, "", (), auth_method="system"),
        call=Call(request_id=str(run_id)),
        action="state.purge",
        resource_type="namespace",
        resource_id=str(space.id),
        reason="Past the window of history that the namespace keeps.",
        namespace_id=space.id,
        classification=space.classification,
        extra={
            "event": "window.trimmed",
            "window": bounds._asdict(),
            "holds": {"in_force": len(configuration.holds.all), "kept": len(batch.held)},
            "counts": {"keys": keys, "revisions": revisions, "bytes": size},
        },
    )
    yield from append(draft)


def _purge(
    run: Run, tenant_id: UUID, namespace_id: UUID, bound: Bounds, counts: Counter[str]
) -> None:
    """Purge what is past the newest n, batch by batch. What is held or retained stays and is passed
    over.
    """
    keep, passed = bound.keep_entries or 0, 0
    while True:
        with run.scope():
            run.guard()
            rows = run_flow(_oldest(tenant_id, namespace_id, keep + passed))
            if not rows:
                return
            purged = run_flow(_purge_batch(tenant_id, namespace_id, rows, run.id))
        counts["purged"] += purged
        passed += len(rows) - purged
        run.progress(counts["purged"], None, "purging")


def _oldest(tenant_id: UUID, namespace_id: UUID, keep: int) -> Flow[list[tuple[str, int]]]:
    more = yield Statement(MORE, (keep, tenant_id, namespace_id, keep + 1))
    if not more[0][0]:
        return []
    rows = yield Statement(OLDEST, (tenant_id, namespace_id, keep, BATCH))
    return [(row[0], row[1]) for row in rows]


def _purge_batch(
    tenant_id: UUID, namespace_id: UUID, rows: Sequence[tuple[str, int]], run_id: UUID
) -> Flow[int]:
    frozen = [(namespace_id, key, version) for key, version in rows]
    batch = yield from lock_batch(tenant_id, frozen)
    due = _unretained(batch, tenant_id)
    if not due:
        return 0
    name = f"window of {batch.namespaces[namespace_id].name}"
    rule = PurgeRule(namespace_id, 1, name[:200])
    purged = yield from purge_batch(batch, due, rule, run_id=run_id or uuid7())
    yield Statement(BEGIN, (tenant_id, namespace_id))
    yield Statement(COUNT, (0, 0, purged.entries, tenant_id, namespace_id))
    return purged.entries
