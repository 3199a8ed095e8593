"""The test run's own servers, as a plugin that comes before Django's settings are read (``-p tests.servers``).

PostgreSQL and Valkey are real. One server each serves the whole run; each xdist worker has a database of its own, made
from a migrated template. Tests commit for real and keep apart by making a tenant each, as customers do.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

PASSWORD = "test"
TEMPLATE = "stateward_template"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_url(role: str, port: int, name: str) -> str:
    return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{port}/{name}"


def start_postgres() -> int:
    from stateward.operations.embedded.postgres import DATABASE, ROLES, Cluster, wheel_binaries

    home = Path(tempfile.mkdtemp(prefix="stateward-tests-"))
    home.chmod(0o755)
    cluster = Cluster(home / "postgres", free_port(), wheel_binaries())
    cluster.initialise(PASSWORD)
    # The run's data is worthless after it, so it need not be flushed; what durability promises is tested by tests/faults.
    cluster.start(fsync="off", max_connections="300", shared_buffers="256MB")

    def stop() -> None:
        cluster.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)

    atexit.register(stop)
    cluster.psql(ROLES.format(owner=PASSWORD, app=PASSWORD, sequencer=PASSWORD), PASSWORD)
    cluster.psql(f"CREATE DATABASE {TEMPLATE} OWNER stateward_owner", PASSWORD)
    cluster.psql(DATABASE, PASSWORD, TEMPLATE)
    return cluster.port


def migrate_template(port: int) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--database", "owner", "-v", "0"],
        check=True,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "stateward.settings.test",
            "STATEWARD_DATABASE_URL": database_url("stateward_app", port, TEMPLATE),
            "STATEWARD_OWNER_DATABASE_URL": database_url("stateward_owner", port, TEMPLATE),
        },
    )


def create_database(port: int, name: str) -> None:
    import psycopg

    with psycopg.connect(
        database_url("postgres", port, "postgres"), autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER stateward_owner")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Runs in the controller and in every worker, before pytest-django reads the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None and "STATEWARD_TEST_PGPORT" not in os.environ:
        port = start_postgres()
        os.environ["STATEWARD_TEST_PGPORT"] = str(port)
        migrate_template(port)
    port = int(os.environ["STATEWARD_TEST_PGPORT"])
    name = f"test_{worker or 'main'}_{os.getpid()}"
    create_database(port, name)
    os.environ["STATEWARD_DATABASE_URL"] = database_url("stateward_app", port, name)
    os.environ["STATEWARD_OWNER_DATABASE_URL"] = database_url("stateward_owner", port, name)
    os.environ["STATEWARD_SEQUENCER_DATABASE_URL"] = database_url("stateward_sequencer", port, name)
    os.environ["STATEWARD_SUPERUSER_DATABASE_URL"] = database_url("postgres", port, name)
    home = tempfile.mkdtemp(prefix="stateward-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["STATEWARD_HOME"] = home
    yield
