"""Is the process alive, can it serve, what does it measure: ``/healthz``, ``/readyz``,
``/metrics``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from django.conf import settings
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from redis import asyncio as redis
from redis.exceptions import RedisError

from stateward.gate.audit.health import sealing_health
from stateward.gate.keys.root import root_key
from stateward.gate.sequence.health import numbering_health
from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Statement
from stateward.operations.jobs.gauges import job_gauges
from stateward.operations.jobs.queries import standing
from stateward.operations.reading_gauges import reading_gauges
from stateward.state.standby import Standby
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor
from stateward.web.asgi import Answer, Request, json_answer
from stateward.web.metrics import exposition

RETRY = (b"retry-after", b"1")
LAG = (
    "# HELP stateward_audit_sealing_lag_seconds Since there was last nothing left to seal.\n"
    "# TYPE stateward_audit_sealing_lag_seconds gauge\n"
    "stateward_audit_sealing_lag_seconds {:.3f}\n"
)
NUMBERING = (
    "# HELP stateward_feed_numbering_silent_seconds Since nobody numbers changes; 0 while"
    " somebody does.\n"
    "# TYPE stateward_feed_numbering_silent_seconds gauge\n"
    "stateward_feed_numbering_silent_seconds {:.3f}\n"
)
POOL = (
    "# HELP stateward_pool_connections Of the data plane's pool to PostgreSQL.\n"
    "# TYPE stateward_pool_connections gauge\n"
)
WAITS_LONG = timedelta(minutes=1)
STANDBY_LATE_SECONDS = 5.0
_migrated: bool = False


async def liveness(travel: Travel, request: Request) -> Answer:
    """200 as long as the process answers."""
    return json_answer(200, {"status": "alive"})


async def readiness(travel: Travel, request: Request) -> Answer:
    """200 while reads and writes work, with what is only degraded by name; 503 for database,
    migrations or keys.
    """
    parts: dict[str, str] = {}
    parts["database"] = await _database(travel)
    if parts["database"] == "works":
        parts["migrations"] = await asyncio.to_thread(_migrations)
    parts["keys"] = _keys()
    broken = {name for name, says in parts.items() if says != "works"}
    parts["redis"] = await _redis()
    if parts["database"] == parts.get("migrations") == "works":
        parts["sealing"] = await _sealing(travel)
        parts["numbering"] = await _numbering(travel)
        parts["jobs"] = await _jobs(travel)
    if travel.standby is not None:
        parts["standby"] = _standby(travel.standby)
    degraded = sorted(
        name for name, says in parts.items() if says != "works" and name not in broken
    )
    body = {"ready": not broken, "degraded": bool(degraded), "parts": parts}
    return json_answer(503 if broken else 200, body, *([RETRY] if broken else []))


async def metrics(travel: Travel, actor: Actor) -> Answer:
    """Prometheus text, for anyone with a valid credential; no series names a tenant or a key."""
    health = await travel.drive(None, sealing_health())
    jobs = await travel.drive(None, job_gauges())
    numbering = await travel.drive(None, numbering_health())
    text = exposition() + LAG.format(health.lag_seconds).encode() + jobs
    text += NUMBERING.format(numbering.silent_seconds).encode()
    text += (_pool(travel) + reading_gauges(travel)).encode()
    return Answer(200, text, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")])


async def _database(travel: Travel) -> str:
    try:
        await travel.plain(None, Statement("SELECT 1"))
    except StatewardError:
        return "does not answer"
    return "works"


async def _sealing(travel: Travel) -> str:
    health = await travel.drive(None, sealing_health())
    return f"is {health.lag_seconds:.0f} s behind" if health.is_late else "works"


async def _numbering(travel: Travel) -> str:
    health = await travel.drive(None, numbering_health())
    if not health.is_silent:
        return "works"
    last = f"; {health.holder} did last" if health.holder else ""
    return f"nobody numbers changes{last}: followers wait"


async def _jobs(travel: Travel) -> str:
    queue = await travel.drive(None, standing())
    for kind in ("worker", "beat"):
        if not queue.lives(kind):
            return f"no {kind} is alive; runs wait in their rows"
    if queue.oldest is not None and queue.oldest > WAITS_LONG:
        return f"a run waits for {queue.oldest.total_seconds():.0f} s"
    return "works"


def _standby(standby: Standby) -> str:
    """As of the last look, which is at most a few seconds ago."""
    standing = standby.standing
    if standing.lag is None:
        return "does not answer; the primary is read"
    if not standing.is_standby:
        return "is no standby any more; the primary is read"
    if standing.lag > standby.max_lag:
        return f"is {standing.lag:.0f} s behind; the primary is read"
    return f"is {standing.lag:.0f} s behind" if standing.lag > STANDBY_LATE_SECONDS else "works"


def _pool(travel: Travel) -> str:
    """How far this process's pool of database connections is used."""
    stats = travel.pool_stats()
    return (
        POOL
        + "".join(
            f'stateward_pool_connections{{state="{state}"}} {stats.get(name, 0)}\n'
            for state, name in (("open", "pool_size"), ("idle", "pool_available"))
        )
        + f'stateward_pool_connections{{state="waited_for"}} {stats.get("requests_waiting", 0)}\n'
    )


def _migrations() -> str:
    global _migrated  # noqa: PLW0603  # migrations are only ever added with a restart: asked once
    if not _migrated:
        connection = connections["default"]
        try:
            executor = MigrationExecutor(connection)
            _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        finally:
            connection.close()
    return "works" if _migrated else "some are not applied"


def _keys() -> str:
    try:
        root_key()
    except StatewardError:
        return "the root key is missing or wrong"
    return "works"


async def _redis() -> str:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5
    )
    try:
        await client.ping()
    except (RedisError, OSError, TimeoutError):
        return "does not answer; reads and writes go on"
    finally:
        await client.aclose()
    return "works"
