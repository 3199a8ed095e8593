"""Examinations of what we depend on: the database, its clock and schema; Redis; the sealer."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from stateward.gate.sequence.numbering import LEASE as NUMBERING
from stateward.operations.doctor.findings import Finding, error, ok, warning

OLDEST_POSTGRES = 170000
SKEW_WARNING = timedelta(seconds=1)
SKEW_ERROR = timedelta(seconds=10)
RESTART = "Look at `make up`, or at the logs under STATEWARD_HOME/logs."


def database() -> Iterator[Finding]:
    """Does it answer, is it new enough, is our role harmless. Raises what psycopg raises."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        number, version, user, powerful = cursor.fetchone()
    if number < OLDEST_POSTGRES:
        yield error("database", f"PostgreSQL {version} is too old.", "Use 17 or newer; 18 is best.")
    elif powerful:
        yield error(
            "database",
            f"{user} passes row-level security: the second wall between tenants is down.",
            "Connect as stateward_app.",
        )
    else:
        yield ok("database", f"PostgreSQL {version} answers {user}.")


def clock() -> Iterator[Finding]:
    """Times are the database's; this machine's clock decides when cookies and leases end."""
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: datetime = cursor.fetchone()[0]
    after = datetime.now(UTC)
    skew = max(before - theirs, theirs - after, timedelta())
    says = f"This machine's clock and the database's differ by {skew.total_seconds():.3f} s."
    if skew > SKEW_WARNING:
        level = error if skew > SKEW_ERROR else warning
        yield level("clock", says, "Run a time service (chrony, systemd-timesyncd) on both.")
    else:
        yield ok("clock", says)


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
        yield error(
            "migrations",
            f"{len(plan)} migrations are not applied: {names}…",
            "manage.py migrate --database owner",
        )
    else:
        yield ok("migrations", "The schema is that of this version.")


PARTITIONS = """
SELECT parent.relname, max((regexp_match(pg_get_expr(child.relpartbound, child.oid),
                                         'TO \\(''([^'']+)''\\)'))[1]::timestamptz)
FROM pg_partitioned_table p
JOIN pg_class parent ON parent.oid = p.partrelid
LEFT JOIN pg_inherits i ON i.inhparent = parent.oid
LEFT JOIN pg_class child ON child.oid = i.inhrelid
GROUP BY parent.relname ORDER BY parent.relname
"""


def partitions() -> Iterator[Finding]:
    """A month without a partition refuses every write, so the next one must be there in time."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        ends = cursor.fetchall()
    now = datetime.now(UTC)
    late = [(name, end) for name, end in ends if end is None or end < now + timedelta(days=31)]
    for name, end in late:
        level = error if end is None or end < now + timedelta(days=3) else warning
        yield level(
            "partitions",
            f"{name} has partitions only until {end:%Y-%m-%d}." if end else f"{name} has none.",
            "The worker adds them monthly: see that it runs.",
        )
    if not late:
        yield ok("partitions", f"{len(ends)} tables have partitions for the coming month.")


def broker() -> Iterator[Finding]:
    """Losing Redis loses nothing, but jobs wait for it."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        about = client.info("server")
    except (RedisError, OSError) as problem:
        yield warning(
            "redis",
            f"Redis does not answer: {type(problem).__name__}. State goes on; jobs wait.",
            RESTART,
        )
        return
    finally:
        client.close()
    version = about.get("valkey_version") or about.get("redis_version")
    yield ok("redis", f"{about.get('server_name', 'redis')} {version} answers.")


def data_plane() -> Iterator[Finding]:
    """Whether the public address answers as ready."""
    if not settings.PUBLIC_URL:
        yield ok("dataplane", "STATEWARD_PUBLIC_URL is not set, so the address was not tried.")
        return
    address = settings.PUBLIC_URL.rstrip("/") + "/readyz"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  # our own address
            yield ok("dataplane", f"{address} answers {answer.status}.")
    except urllib.error.HTTPError as problem:
        said = problem.read(300).decode(errors="replace")
        yield error("dataplane", f"{address} answers {problem.code}: {said}", RESTART)
    except OSError as problem:
        yield error("dataplane", f"{address} does not answer: {problem}.", RESTART)


def sealer() -> Iterator[Finding]:
    """Its lease says whether it lives; what waits unsealed says whether it keeps up."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, holder, expires_at - clock_timestamp() FROM stateward_lease ORDER BY name"
        )
        leases = cursor.fetchall()
    if not leases:
        yield error("sealer", "No sealer has ever run: nothing is sealed.", RESTART)
    elif NUMBERING not in {name for name, *_ in leases}:
        yield error("sealer", "Nobody has ever numbered changes: followers wait.", RESTART)
    for name, holder, left in leases:
        if left < timedelta():
            yield error("sealer", f"The {name} lease ended; {holder} held it last.", RESTART)
        else:
            yield ok("sealer", f"{holder} holds the {name} lease.")
