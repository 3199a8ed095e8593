"""All examinations in order; one that fails itself is a finding, not the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import DatabaseError

from stateward.operations.doctor import local, processes, servers, standby
from stateward.operations.doctor.findings import Finding, error

Examination = Callable[[], Iterator[Finding]]

EXAMINATIONS: dict[str, Examination] = {
    "configuration": local.configuration,
    "versions": local.versions,
    "root_key": local.root_key_copy,
    "permissions": local.permissions,
    "disk": local.disk,
    "database": servers.database,
    "clock": servers.clock,
    "migrations": servers.migrations,
    "partitions": servers.partitions,
    "redis": servers.broker,
    "standby": standby.standby,
    "dataplane": servers.data_plane,
    "sealer": servers.sealer,
    "sealing_lag": processes.sealing_lag,
    "worker": processes.worker,
    "beat": processes.beat,
    "jobs": processes.jobs,
}


def examine(examinations: dict[str, Examination] | None = None) -> Iterator[Finding]:
    """What each of them finds."""
    for name, examination in (examinations or EXAMINATIONS).items():
        try:
            yield from examination()
        except (DatabaseError, OSError) as problem:
            first = str(problem).strip().split("\n")[0] or type(problem).__name__
            yield error(name, f"Could not be examined: {first}", "See the database's findings.")
