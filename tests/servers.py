"""The test run's own servers: a plugin loaded before Django's settings (``-p tests.servers``).

PostgreSQL and Valkey are real. One server each serves the whole run; each xdist worker has a
database of its own, made from a migrated template. Tests commit for real and keep apart by making
a tenant each, as customers do.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

PASSWORD = "test"
TEMPLATE = "stateward_template"


def database_url(role: str, port: int, name: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{port}/{name}"


def temporary_folder(prefix: str) -> Path:
    """A folder that the servers' account can enter, gone when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start_postgres() -> int:
    from stateward.operations.embedded.ports import any_free
    from stateward.operations.embedded.postgres import DATABASE, ROLES, Cluster, wheel_binaries

    data = temporary_folder("stateward-tests-") / "postgres"
    cluster = Cluster(data, any_free(), wheel_binaries())
    cluster.initialise(PASSWORD)
    # The run's data is worthless after it, so it need not be flushed; what durability promises is
    # tested by tests that start a server of their own.
    cluster.start(fsync="off", max_connections="300", shared_buffers="256MB")
    atexit.register(cluster.stop, "immediate")
    cluster.psql(ROLES.format(owner=PASSWORD, app=PASSWORD, sequencer=PASSWORD), PASSWORD)
    cluster.psql(f"CREATE DATABASE {TEMPLATE} OWNER stateward_owner", PASSWORD)
    cluster.psql(DATABASE, PASSWORD, TEMPLATE)
    return cluster.port


def start_redis() -> str:
    from stateward.operations.embedded.accounts import drop_privileges
    from stateward.operations.embedded.ports import any_free
    from stateward.operations.embedded.redis import RedisServer, server_program

    folder = temporary_folder("stateward-tests-") / "redis"
    server = RedisServer(folder, any_free(), PASSWORD, server_program())
    server.configure()
    process = subprocess.Popen(
        server.command(), stdout=subprocess.DEVNULL, cwd=folder, **drop_privileges()
    )

    def stop() -> None:
        process.kill()
        process.wait()

    atexit.register(stop)
    deadline = time.monotonic() + 10
    while not server.answers():
        if time.monotonic() > deadline:
            raise RuntimeError("The test run's Redis-protocol server did not answer within 10 s.")
        time.sleep(0.02)
    return server.url


def migrate_template(port: int) -> None:
    outcome = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--database", "owner", "-v", "0"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "stateward.settings.test",
            "STATEWARD_DATABASE_URL": database_url("stateward_app", port, TEMPLATE),
            "STATEWARD_OWNER_DATABASE_URL": database_url("stateward_owner", port, TEMPLATE),
        },
    )
    if outcome.returncode != 0:
        last = "\n".join(outcome.stderr.splitlines()[-12:])
        raise pytest.UsageError(f"The schema could not be migrated:\n{last}")


def create_database(port: int, name: str) -> None:
    import psycopg

    with psycopg.connect(database_url("postgres", port, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER stateward_owner")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Runs in the controller and in every worker, before pytest-django reads the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None and "STATEWARD_TEST_PGPORT" not in os.environ:
        port = start_postgres()
        os.environ["STATEWARD_TEST_PGPORT"] = str(port)
        migrate_template(port)
        os.environ["STATEWARD_TEST_REDIS_URL"] = start_redis()
    port = int(os.environ["STATEWARD_TEST_PGPORT"])
    name = f"test_{worker or 'main'}_{os.getpid()}"
    create_database(port, name)
    os.environ["STATEWARD_DATABASE_URL"] = database_url("stateward_app", port, name)
    os.environ["STATEWARD_OWNER_DATABASE_URL"] = database_url("stateward_owner", port, name)
    os.environ["STATEWARD_SEQUENCER_DATABASE_URL"] = database_url("stateward_sequencer", port, name)
    os.environ["STATEWARD_SUPERUSER_DATABASE_URL"] = database_url("postgres", port, name)
    # One Redis database each; the server has sixteen.
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    redis = os.environ["STATEWARD_TEST_REDIS_URL"].removesuffix("/0")
    os.environ["STATEWARD_REDIS_URL"] = f"{redis}/{number % 16}"
    os.environ["STATEWARD_HOME"] = str(temporary_folder("stateward-home-"))
    yield
