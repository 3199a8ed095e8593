"""The audit as evidence: C18, C20, C21, C22, C24."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from governance.compliance.asking import one, rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Evidence, Item, Tally, insufficient
from governance.compliance.retracing import Walk, retrace
from stateward.gate.audit.health import log_health, sealing_health
from stateward.kernel.clock import rfc3339
from stateward.tenancy.scope import run_flow

AREA = "Audit"

# A change and its record are written by one statement under one time. Counted by namespace and
# moment: a record's key may be erased, its place and time are not. What a restore brought has its
# records in the tree of the tenant it came from, and the restore its own.
UNRECORDED = """
WITH restored AS (
    SELECT coalesce(max(at), '-infinity') AS at FROM stateward_audit_record
    WHERE tenant_id = %s AND action = 'backup.restore' AND resource_type = 'tenant'
      AND outcome = 'allow'
      AND convert_from(record, 'UTF8')::jsonb #>> '{details,event}' = 'tenant.restored'
), revised AS (
    SELECT namespace_id, at, count(*) AS many FROM stateward_revision
    WHERE tenant_id = %s AND at > (SELECT at FROM restored) GROUP BY 1, 2
), recorded AS (
    SELECT namespace_id, at, count(*) AS many FROM stateward_audit_record
    WHERE tenant_id = %s AND resource_type = 'entry' AND outcome = 'allow'
      AND action IN ('state.write', 'state.delete', 'state.expire', 'state.purge') GROUP BY 1, 2
), totals AS (SELECT coalesce(sum(many), 0)::bigint AS many FROM revised)
SELECT t.many, m.namespace_id, m.name, m.at, m.missing
FROM totals t
LEFT JOIN (
    SELECT r.namespace_id, n.name, r.at, r.many - coalesce(c.many, 0) AS missing
    FROM revised r
    LEFT JOIN recorded c ON c.namespace_id = r.namespace_id AND c.at = r.at
    LEFT JOIN stateward_namespace n ON n.tenant_id = %s AND n.id = r.namespace_id
    WHERE r.many > coalesce(c.many, 0)
) m ON true
ORDER BY m.at, m.namespace_id
"""
HIGH_RISK = """
SELECT a.id, a.name FROM stateward_agent a
WHERE a.tenant_id = %s AND a.risk_class = 'high' AND a.status <> 'retired' ORDER BY a.id
"""
# Whether records can go at all.
KEPT = """
SELECT has_table_privilege('stateward_app', 'stateward_audit_record', 'DELETE'),
    has_table_privilege('stateward_app', 'stateward_audit_record', 'TRUNCATE')
"""
COPIES = """
SELECT id, name, checkpoint_at, checkpoint_size FROM stateward_sink
WHERE tenant_id = %s AND kind <> 'file' ORDER BY name
"""
STORED = "SELECT count(*) FROM stateward_audit_record WHERE tenant_id = %s"
LOOKED_AT = """
SELECT 'record', id::text, actor_name, at FROM stateward_audit_record
WHERE tenant_id = %s AND action = 'audit.export' AND outcome = 'allow' AND actor_type = 'member'
  AND at >= %s
UNION ALL
SELECT 'reads', min(actor_id::text), sum(count)::text, max(minute) FROM stateward_audit_read_count
WHERE tenant_id = %s AND action = 'audit.read' AND actor_type = 'member' AND minute >= %s
HAVING count(*) > 0
ORDER BY 4 DESC LIMIT 20
"""


@check(
    "C18",
    "Every change of state has an audit record",
    area=AREA,
    severity="critical",
    proves="For every revision there is a record of a write, deletion, expiry or purge of the same"
    " namespace at the same moment.",
    does_not_prove="Anything about what a restore brought: its records are in the tree of the"
    " tenant that was backed up, whose seal the restore's own record names.",
)
def changes_recorded(ground: Ground) -> Answer:
    tally = Tally("change,changes")
    found = rows(UNRECORDED, (ground.tenant_id,) * 4)
    for total, namespace_id, name, at, missing in found:
        tally.population = total
        if namespace_id is not None:
            detail = f"{missing} changes at {rfc3339(at)} have no audit record."
            place = f"{namespace_id}/{rfc3339(at)}"
            tally.fail(Item("namespace_moment", place, name or str(namespace_id), detail))
    return tally.answer(
        "have an audit record",
        "have no audit record",
        nothing="Nothing was ever changed in this tenant.",
    )


@check(
    "C20",
    "The audit log verifies, and its last seal is fresh",
    area=AREA,
    severity="critical",
    proves="The stored records lead to the root that was signed, without believing the stored tree;"
    " nothing has waited for a seal longer than allowed.",
    does_not_prove="That whoever owns the database and the sealing key did not replace log and"
    " seals together: only a checkpoint kept elsewhere does. Older parts of a large"
    " log are walked again in turn, not all in one scan.",
)
def log_verifies(ground: Ground) -> Answer:
    sealing, log = run_flow(sealing_health()), run_flow(log_health(ground.tenant_id))
    if not log.size:
        return insufficient("Nothing has been sealed for this tenant yet.")
    walk = retrace(
        ground.tenant_id,
        ground.position,
        newest=log.size,
        most=ground.number("records_verified"),
        most_again=ground.number("records_verified_again"),
    )
    tally = Tally("record,records", population=walk.walked)
    for index, what in walk.faults:
        tally.fail(Item("audit_index", str(index), f"Place {index:,} of the log", what))
    if log.alarm:
        tally.fail(Item("seal", "alarm", "The sealer's alarm", log.alarm))
    waits = ground.now - log.unsealed_since if log.unsealed_since else timedelta(0)
    lag = timedelta(seconds=ground.number("seal_lag_seconds"))
    if waits > lag and sealing.is_late:
        said = f"Records have waited for {waits.total_seconds():,.0f} seconds to be sealed."
        tally.fail(Item("seal", "late", "Sealing is late", said))
    tally.evidence += _seals(walk)
    answer = tally.answer(
        f"were walked again to the signed root; {walk.size:,} of {log.size:,} are verified",
        "",
        nothing="No new record; the log is verified to its end.",
        position=walk.position() if not walk.faults else None,
    )
    if answer.outcome != "fail":
        return answer
    return replace(answer, said=f"The log of {log.size:,} records has {tally.failing} faults.")


def _seals(walk: Walk) -> list[Evidence]:
    if walk.checkpoint is None:
        return []
    size, root = walk.checkpoint.size, walk.checkpoint.root.hex()
    return [Evidence("seal", str(size), f"root {root}")]


@check(
    "C21",
    "Checkpoints are delivered to an outside place",
    area=AREA,
    severity="high",
    proves="A sink has taken a signed checkpoint within the allowed hours.",
    does_not_prove="That the place is out of reach of whoever could rewrite the log: that is for"
    " people to judge. A file on this machine is not, and does not count.",
)
def checkpoints_delivered(ground: Ground) -> Answer:
    hours = ground.number("checkpoint_delivery_hours")
    found = rows(COPIES, (ground.tenant_id,))
    oldest = ground.now - timedelta(hours=hours)
    fresh = [row for row in found if row[2] is not None and row[2] >= oldest]
    if fresh:
        evidence = tuple(Evidence("sink", str(row[0]), f"{row[1]}: size {row[3]}") for row in fresh)
        said = f"A checkpoint was delivered outside within {hours} hours."
        return Answer("pass", said, len(found), evidence=evidence)
    detail = f"No sink outside has taken a checkpoint within {hours} hours."
    items = tuple(Item("sink", str(row[0]), row[1], "Took none in time.") for row in found)
    none = Item("audit_log", ground.tenant_slug, "The audit log", "It is copied nowhere outside.")
    return Answer("fail", detail, max(len(found), 1), max(len(found), 1), items or (none,))


@check(
    "C22",
    "Records are kept long enough where agents of high risk work",
    area=AREA,
    severity="high",
    proves="The application cannot remove audit records, and as many are stored as were ever"
    " sealed: none is gone, whatever its age.",
    does_not_prove="That the database's owner will not remove a month; C20 then fails.",
)
def records_kept(ground: Ground) -> Answer:
    agents = rows(HIGH_RISK, (ground.tenant_id,))
    days = ground.number("audit_retention_days")
    may_delete, may_truncate = one(KEPT)
    log = run_flow(log_health(ground.tenant_id))
    sealed, stored = log.size, one(STORED, (ground.tenant_id,))[0] - log.unsealed
    tally = Tally("high-risk agent,high-risk agents")
    faults = []
    if may_delete or may_truncate:
        faults.append("The application may remove audit records.")
    if stored < sealed:
        faults.append(f"{sealed - stored:,} of {sealed:,} sealed records are gone.")
    for agent_id, name in agents:
        tally.add(Item("agent", str(agent_id), name, " ".join(faults)) if faults else None)
    return tally.answer(
        f"have all records kept, for {days} days and more",
        f"may lose records before {days} days have passed",
        nothing="No agent is of high risk.",
    )


@check(
    "C24",
    "Somebody has looked at the audit lately",
    area=AREA,
    severity="low",
    proves="A member read or exported audit records within the allowed days.",
    does_not_prove="That they looked for anything in particular.",
)
def log_reviewed(ground: Ground) -> Answer:
    days = ground.number("log_review_days")
    since = ground.now - timedelta(days=days)
    found = rows(LOOKED_AT, (ground.tenant_id, since, ground.tenant_id, since))
    if not found:
        detail = f"No member has read or exported the audit in the last {days} days."
        item = Item("audit_log", ground.tenant_slug, "The audit log", detail)
        return Answer("fail", detail, 1, 1, (item,))
    last = found[0][3]
    evidence = tuple(
        Evidence("record", row[1], f"exported by {row[2]}") for row in found if row[0] == "record"
    )
    said = f"The audit was last looked at on {last:%d %b %Y}."
    return Answer("pass", said, 1, evidence=evidence)
