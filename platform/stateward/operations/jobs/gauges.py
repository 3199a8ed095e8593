"""What Prometheus reads about jobs: the queue, the workers, and when each job last went well. No
series names a tenant.
"""

from __future__ import annotations

from collections.abc import Iterator

from stateward.kernel.flow import Flow, Rows, Statement
from stateward.operations.jobs.queries import Standing, standing

# The platform's jobs, each name looked up after the one before; then its newest good run.
LAST = """
WITH RECURSIVE names (name) AS (
    (SELECT name FROM stateward_job_run WHERE tenant_id IS NULL ORDER BY tenant_id, name LIMIT 1)
    UNION ALL
    SELECT (SELECT r.name FROM stateward_job_run r WHERE r.tenant_id IS NULL AND r.name > n.name
            ORDER BY r.tenant_id, r.name LIMIT 1)
    FROM names n WHERE n.name IS NOT NULL)
SELECT n.name, (
    SELECT extract(epoch FROM r.finished_at)::float FROM stateward_job_run r
    WHERE r.tenant_id IS NULL AND r.name >= n.name AND r.name <= n.name AND r.state = 'done'
    ORDER BY r.tenant_id, r.name, r.queued_at DESC LIMIT 1)
FROM names n WHERE n.name IS NOT NULL
"""


def job_gauges() -> Flow[bytes]:
    """The exposition's lines."""
    queue = yield from standing()
    rows = yield Statement(LAST)
    return "".join(f"{line}\n" for line in _lines(queue, rows)).encode()


def _lines(queue: Standing, last: Rows) -> Iterator[str]:
    oldest = queue.oldest.total_seconds() if queue.oldest else 0.0
    yield from _gauge("queued", "Runs that wait for a worker.", queue.queued)
    yield from _gauge("running", "Runs that a worker has.", queue.running)
    yield from _gauge("hanging", "Runs whose worker is silent for too long.", queue.hanging)
    yield from _gauge("oldest_queued_seconds", "Since the oldest of them waits.", round(oldest, 3))
    yield from _head("last_success_timestamp_seconds", "When the platform's job last went well.")
    for name, at in last:
        if at is not None:
            yield f'stateward_jobs_last_success_timestamp_seconds{{job="{name}"}} {at:.3f}'
    yield from _head("heartbeat_age_seconds", "Since a worker or beat said that it is there.")
    for one in queue.processes:
        labels = f'kind="{one.kind}",name="{one.name}"'
        yield f"stateward_jobs_heartbeat_age_seconds{{{labels}}} {one.silent.total_seconds():.3f}"


def _gauge(name: str, says: str, value: float) -> Iterator[str]:
    yield from _head(name, says)
    yield f"stateward_jobs_{name} {value}"


def _head(name: str, says: str) -> Iterator[str]:
    yield f"# HELP stateward_jobs_{name} {says}"
    yield f"# TYPE stateward_jobs_{name} gauge"
