"""What the database carries along: rows that are dead, keys that grow old."""

from __future__ import annotations

from datetime import timedelta

from dashboards import figures
from dashboards.metrics.building import TOP, Bar, Panel, Ranking
from dashboards.metrics.frame import Frame
from dashboards.requests import address
from stateward.kernel.flow import Statement
from stateward.tenancy.scope import execute

ROTATE_AFTER = 90  # days: what most rules ask for
# Of the whole database: shares only, for how much others store is no tenant's to know.
DEAD = """
SELECT coalesce(p.relname, s.relname)::text, sum(s.n_dead_tup)::float8
    / greatest(sum(s.n_live_tup + s.n_dead_tup), 1), sum(s.n_dead_tup) > 1000
FROM pg_stat_user_tables s LEFT JOIN pg_inherits i ON i.inhrelid = s.relid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE s.relname LIKE 'stateward%%' GROUP BY 1
HAVING sum(s.n_dead_tup) > 0 AND sum(s.n_live_tup + s.n_dead_tup) >= 1000 ORDER BY 2 DESC LIMIT 40
"""
KEYS = """
SELECT n.name, extract(epoch FROM clock_timestamp() - min(k.created_at))::float8 / 86400,
    sum(k.messages)::bigint
FROM stateward_data_key k JOIN stateward_namespace n
    ON n.tenant_id = k.tenant_id AND n.id = k.namespace_id
WHERE k.tenant_id = %s AND k.state = 'active' AND n.deleted_at IS NULL
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000
"""


def dead_rows(frame: Frame) -> Panel:
    found = [(name, share, much) for name, share, much in execute(Statement(DEAD)) if share > 0]
    bars = [
        Bar(name.removeprefix("stateward_").replace("_", " "), round(100 * share, 2),
            f"{figures.digits(100 * share)} %", share)
        for name, share, _ in found[:TOP]
    ]  # fmt: skip
    late = [bar.name for bar, (_, share, much) in zip(bars, found, strict=False)
            if share > 0.3 and much]  # fmt: skip
    return Ranking(
        "dead-rows",
        "Dead rows, by table",
        f"Autovacuum is behind on {late[0]}."
        if late
        else "No large table waits for autovacuum."
        if bars
        else "No table of a thousand rows has dead ones.",
        tuple(bars),
        "percent",
        "warn" if late else "series",
        "Of the whole installation. Rows that were changed stay until autovacuum comes."
        if bars
        else "",
        of="table",
    )


def key_ages(frame: Frame) -> Panel:
    found = execute(Statement(KEYS, (frame.tenant_id,)))
    top = max((row[1] for row in found), default=1.0)
    bars = [
        Bar(name, round(days, 2), figures.span(timedelta(days=days)), days / top,
            address(frame.request, "namespace", name))
        for name, days, _ in found[:TOP]
    ]  # fmt: skip
    old = sum(row[1] > ROTATE_AFTER for row in found)
    return Ranking(
        "key-ages",
        "Age of data keys",
        f"{figures.plural(old, 'key is', 'keys are')} older than {ROTATE_AFTER} days."
        if old
        else f"None of {figures.plural(len(found), 'active key', 'active keys')} is older than"
        f" {ROTATE_AFTER} days."
        if found
        else "There is no data key yet: the first namespace brings the first.",
        tuple(bars),
        "days",
        "warn" if old else "series",
        "Of the active key of each namespace." if bars else "",
        of="namespace",
    )
