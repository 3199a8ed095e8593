"""Health by part: what each part says of itself, with its day or its limit beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from dashboards import figures
from dashboards.evidence import LATE, Evidence
from stateward.gate.keys.counting import ROTATE_AT
from stateward.kernel.flow import Flow, Rows, Statement
from stateward.operations.metrics.queries import MetricSeries

TIMETABLE_SILENT = timedelta(minutes=2)  # something is due every few seconds
QUEUE_LATE = timedelta(minutes=1)
SEALING_LIMIT = timedelta(seconds=2)
SEALING_LATE = timedelta(seconds=10)
BARS = 48  # half hours of a day

NOW = {
    "ok": ("ok", "Works"),
    "unknown": ("ok", "Works"),
    "warn": ("warn", "Look"),
    "bad": ("bad", "Failing"),
}

STANDING = """
SELECT current_setting('server_version'), current_setting('max_connections')::int,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
    pg_is_in_recovery(), count(*), min(k.created_at), max(k.messages)
FROM stateward_data_key k WHERE k.tenant_id = %s AND k.state = 'active'
"""
JOBS = """
SELECT floor(extract(epoch FROM %s::timestamptz - queued_at) / 1800)::int, count(*),
    count(*) FILTER (WHERE state = 'failed'),
    count(*) FILTER (WHERE started_at - queued_at > interval '1 minute'),
    max(queued_at) FILTER (WHERE slot IS NOT NULL),
    min(queued_at) FILTER (WHERE state = 'queued'), max(finished_at)
FROM stateward_job_run WHERE queued_at > %s::timestamptz - interval '1 day' GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Part:
    """``tone`` ok, warn, bad or off; ``bars`` its day, oldest first, or ``share`` of its limit."""

    name: str
    tone: str
    word: str
    says: str
    bars: Sequence[str] = ()
    share: float | None = None
    picture: str = ""  # what bars or share show, in words


@dataclass(frozen=True, slots=True)
class Jobs:
    """The platform's jobs of the last day, and their half hours."""

    timetable_at: datetime | None
    waiting_since: datetime | None
    finished_at: datetime | None
    failed: int
    runs: int
    bars: dict[int, tuple[int, int, int]]  # half hours ago: (runs, failed, late)


def parts(tenant_id: UUID, proof: Evidence, day: dict[str, MetricSeries]) -> Flow[list[Part]]:
    """All parts, in the order in which a request meets them; within the tenant's scope."""
    standing = (yield Statement(STANDING, (tenant_id,)))[0]
    jobs = _jobs((yield Statement(JOBS, (proof.now, proof.now))))
    return [
        _web(day),
        _postgres(*standing[:4]),
        _redis(),
        _workers(jobs, proof.now),
        _scheduler(jobs, proof.now),
        _sealer(proof),
        _data_keys(proof.now, *standing[4:]),
    ]


def _jobs(rows: Rows) -> Jobs:
    return Jobs(
        timetable_at=max((row[4] for row in rows if row[4]), default=None),
        waiting_since=min((row[5] for row in rows if row[5]), default=None),
        finished_at=max((row[6] for row in rows if row[6]), default=None),
        failed=sum(row[2] for row in rows),
        runs=sum(row[1] for row in rows),
        bars={row[0]: (row[1], row[2], row[3]) for row in rows},
    )


def _web(day: dict[str, MetricSeries]) -> Part:
    errors, total = day["errors"].total, sum(series.total for series in day.values())
    bars = _half_hours(day)
    failing = sum(bar in {"bad", "warn"} for bar in bars)
    tone, word = NOW[bars[-1]]
    says = f"{figures.whole(total)} requests in 24 h, {figures.whole(errors)} failed"
    picture = f"{failing} half hours with failures" if failing else "no failures for 24 hours"
    return Part("Web", tone, word, says, bars, picture=f"Web: {picture}")


def _half_hours(day: dict[str, MetricSeries]) -> list[str]:
    """``unknown`` where nothing was asked."""
    points = list(day["errors"].points)
    per_bar = max(len(points) // BARS, 1)
    bars = []
    for index in range(0, len(points), per_bar):
        errors = sum(point.count for point in points[index : index + per_bar])
        total = sum(
            point.count
            for series in day.values()
            for point in series.points[index : index + per_bar]
        )
        bars.append(_bar(total, errors))
    return bars[-BARS:]


def _bar(total: int, failed: int, late: int = 0) -> str:
    if total == 0:
        return "unknown"
    if failed * 20 > total:
        return "bad"
    return "warn" if failed or late else "ok"


def _postgres(version: str, most: int, used: int, is_standby: bool) -> Part:
    says = f"{version.split(maxsplit=1)[0]}, {used} of {most} connections"
    picture = f"PostgreSQL: {used} of {most} connections used"
    if is_standby:
        return Part("PostgreSQL", "bad", "Read-only", f"{says}; this is a standby", picture=picture)
    tone, word = ("warn", "Full") if used > most * 0.9 else ("ok", "Works")
    return Part("PostgreSQL", tone, word, says, share=used / most, picture=picture)


@cache
def _client() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.3)


def _redis() -> Part:
    try:
        about: dict[str, Any] = _client().info()
    except (RedisError, OSError):
        return Part(
            "Redis",
            "warn",
            "Away",
            "Does not answer; reads and writes go on, jobs wait",
        )
    used, most = int(about["used_memory"]), int(about.get("maxmemory") or 0)
    version = about.get("valkey_version") or about.get("redis_version")
    says = f"{version}, {figures.size(used)} used, {about['connected_clients']} clients"
    share = used / most if most else None
    return Part("Redis", "ok", "Works", says, share=share, picture=f"Redis: {figures.size(used)}")


def _workers(jobs: Jobs, now: datetime) -> Part:
    waits = now - jobs.waiting_since if jobs.waiting_since else timedelta()
    bars = _job_bars(jobs)
    picture = f"Workers: {jobs.failed} of {figures.whole(jobs.runs)} runs failed in 24 hours"
    if jobs.runs == 0:
        return Part("Workers", "off", "Not seen", "No job has run yet", bars, picture=picture)
    if waits > QUEUE_LATE:
        says = f"A job has waited for {figures.span(waits)}; start a worker"
        return Part("Workers", "bad", "Stopped", says, bars, picture=picture)
    last = f"last job done {figures.span(now - jobs.finished_at)} ago" if jobs.finished_at else ""
    failed = f", {jobs.failed} failed" if jobs.failed else ", none failed"
    says = f"{figures.whole(jobs.runs)} runs in 24 h{failed}; {last}"
    return Part("Workers", *NOW[bars[-1]], says, bars, picture=picture)


def _scheduler(jobs: Jobs, now: datetime) -> Part:
    if jobs.timetable_at is None:
        return Part("Scheduler", "off", "Not seen", "Has queued nothing in 24 h")
    silent = now - jobs.timetable_at
    bars = ["ok" if index in jobs.bars else "unknown" for index in reversed(range(BARS))]
    missed = bars.count("unknown")
    picture = f"Scheduler: nothing queued in {missed} of {BARS} half hours"
    if silent > TIMETABLE_SILENT:
        says = f"Has queued nothing for {figures.span(silent)}"
        return Part("Scheduler", "bad", "Stopped", says, bars, picture=picture)
    says = f"Last looked at the timetable {figures.span(silent)} ago"
    return Part("Scheduler", "ok", "Works", says, bars, picture=picture)


def _job_bars(jobs: Jobs) -> list[str]:
    return [_bar(*jobs.bars.get(index, (0, 0, 0))) for index in reversed(range(BARS))]


def _sealer(proof: Evidence) -> Part:
    limit = figures.span(SEALING_LIMIT)
    picture = f"Sealer: {figures.span(proof.lag)} behind, limit {limit}"
    alive_at = max(proof.renewed_at or proof.caught_up_at, proof.caught_up_at)
    if proof.alarm:
        return Part("Sealer", "bad", "Held", f"Signs nothing more: {proof.alarm}")
    if proof.now - alive_at > LATE:
        tone, word = ("bad", "Stopped") if proof.renewed_at else ("off", "Not seen")
        return Part("Sealer", tone, word, f"Gave no sign for {figures.span(proof.now - alive_at)}")
    tone, word = ("warn", "Late") if proof.lag > SEALING_LATE else ("ok", "Works")
    waits = f"oldest record waits {figures.span(proof.lag)}" if proof.lag else "nothing waits"
    says = f"{waits}, limit {limit}"
    return Part("Sealer", tone, word, says, share=proof.lag / SEALING_LIMIT, picture=picture)


def _data_keys(now: datetime, active: int, oldest: datetime | None, most: int | None) -> Part:
    if not active or oldest is None:
        return Part("Data keys", "off", "None", "The first namespace brings the first")
    share = (most or 0) / ROTATE_AT
    age = figures.span(now - oldest)
    says = f"{active} active, oldest {age}, fullest at {figures.digits(share * 100)} %"
    picture = f"Data keys: the fullest sealed {figures.whole(most or 0)} values"
    tone, word = ("warn", "Rotate") if share > 0.8 else ("ok", "Works")
    return Part("Data keys", tone, word, says, share=share, picture=picture)
