"""One stack put together: its servers, its programs, and the settings they all read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from stateward.operations.embedded.ports import LOOPBACK
from stateward.operations.embedded.postgres import DATABASE, ROLES, Cluster, wheel_binaries
from stateward.operations.embedded.redis import RedisServer, server_program
from stateward.operations.embedded.replica import (
    PRIMARY_SETTINGS,
    STANDBY_SETTINGS,
    forget_standby,
    make_standby,
)
from stateward.operations.exceptions import CannotStart
from stateward.operations.stack import programs
from stateward.operations.stack.addresses import Addresses
from stateward.operations.stack.home import Home, write_json
from stateward.operations.stack.programs import Program
from stateward.operations.stack.supervision import Supervision

ROOT = Path(__file__).resolve().parents[4]
NAME = "stateward"
POSTGRES_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "jit": "off",
}


def find_servers(home: Home) -> tuple[Path, Path]:
    """The programs of PostgreSQL and of Valkey. Raises ``CannotStart`` when one is missing."""
    try:
        return wheel_binaries(), server_program()
    except (RuntimeError, OSError) as error:
        raise CannotStart(str(error), f"Nothing in {home.path} was changed.") from error


class Stack:
    """What one home runs at one set of addresses."""

    def __init__(self, home: Home, addresses: Addresses, passwords: dict[str, str]) -> None:
        self.home = home
        self._passwords = passwords
        self._server_programs = find_servers(home)
        self.supervision = Supervision(home, passwords["supervisor"])
        self.settle(addresses)

    def settle(self, addresses: Addresses) -> None:
        """Take these addresses, while nothing runs, and write the settings that name them."""
        self.addresses = addresses
        binaries, redis = self._server_programs
        folder, password = self.home.servers, self._passwords["redis"]
        self.cluster = Cluster(folder / "postgres", addresses.postgres, binaries)
        self.redis = RedisServer(folder / "redis", addresses.redis, password, redis)
        self.standby = (
            Cluster(folder / "standby", addresses.standby, binaries) if addresses.standby else None
        )
        self._write_settings()

    def programs(self) -> list[Program]:
        home, root = self.home, ROOT
        servers = [
            Program(
                "postgres",
                programs.SERVERS,
                self.cluster.command(**POSTGRES_SETTINGS | PRIMARY_SETTINGS),
                stop_signal="INT",  # PostgreSQL's fast shutdown
                stop_seconds=30,
                as_service=True,
            ),
            Program("redis", programs.SERVERS, self.redis.command(), as_service=True),
        ]
        demo = Program(
            "demo", programs.JOBS, programs.python("-m", "demo", str(home.path)), once=True
        )
        web = [
            programs.data_plane(self.addresses.host, self.addresses.web),
            programs.console(home.run / "console.sock"),
        ]
        return [*servers, *self._replicas(), *programs.jobs(root, home), demo, *web]

    def _replicas(self) -> list[Program]:
        if self.standby is None:
            return []
        command = self.standby.command(**POSTGRES_SETTINGS | STANDBY_SETTINGS)
        return [
            Program(
                "standby",
                programs.REPLICAS,
                command,
                stop_signal="INT",
                stop_seconds=30,
                as_service=True,
            )
        ]

    def environment(self) -> dict[str, str]:
        """What every program is given: no secret, only where to find them."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("STATEWARD_")
        }
        paths = (str(ROOT / "platform"), str(ROOT))
        return inherited | {
            "STATEWARD_HOME": str(self.home.path),
            "DJANGO_SETTINGS_MODULE": "stateward.settings.embedded",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def _write_settings(self) -> None:
        """``stack.json``: what ``stateward.settings.embedded`` reads."""
        write_json(
            self.home.stack,
            {
                "STATEWARD_SECRET_KEY": self._passwords["django"],
                "STATEWARD_ROOT_KEY_FILE": str(self.home.root_key),
                "STATEWARD_DATABASE_URL": self._database("app"),
                "STATEWARD_OWNER_DATABASE_URL": self._database("owner"),
                "STATEWARD_SEQUENCER_DATABASE_URL": self._database("sequencer"),
                **self._standby_address(),
                "STATEWARD_REDIS_URL": self.redis.url,
                "STATEWARD_CONSOLE_SOCKET": str(self.home.run / "console.sock"),
                "STATEWARD_PUBLIC_URL": self.addresses.url,
                **_model_settings(),
            },
        )

    def _standby_address(self) -> dict[str, str]:
        if self.standby is None:
            return {}
        return {"STATEWARD_STANDBY_DATABASE_URL": self._database("app", self.standby.port)}

    def start_supervisor(self) -> None:
        configuration = programs.configuration(
            self.home, self.programs(), self.supervision.socket, self._passwords["supervisor"]
        )
        self.redis.configure()
        self.supervision.start(configuration, self.environment())

    def initialise_cluster(self) -> None:
        try:
            self.cluster.initialise(self._passwords["superuser"])
        except RuntimeError as error:
            raise CannotStart("PostgreSQL's data could not be laid out.", str(error)) from None

    def prepare_database(self) -> None:
        """Roles, database and rights; what is there already stays."""
        superuser = self._passwords["superuser"]
        made = "SELECT rolname FROM pg_roles WHERE rolname = 'stateward_sequencer'"
        if not self.cluster.psql(made, superuser).strip():
            roles = {name: self._passwords[name] for name in ("owner", "app", "sequencer")}
            self.cluster.psql(f"BEGIN;{ROLES.format(**roles)}COMMIT;", superuser)
        exists = f"SELECT datname FROM pg_database WHERE datname = '{NAME}'"
        if not self.cluster.psql(exists, superuser).strip():
            self.cluster.psql(f"CREATE DATABASE {NAME} OWNER stateward_owner", superuser)
        self.cluster.psql(DATABASE, superuser, NAME)

    def prepare_standby(self) -> None:
        """Copy the primary where there is no copy yet, or drop what was kept for one that is no
        longer wanted. Raises ``CannotStart``.
        """
        superuser = self._passwords["superuser"]
        try:
            if self.standby is None:
                forget_standby(self.cluster, superuser)
                return
            make_standby(
                self.cluster,
                self.standby,
                superuser_password=superuser,
                password=self._passwords["replication"],
            )
        except (RuntimeError, OSError) as error:
            raise CannotStart(
                f"The standby could not be made: {error}", "Start without STATEWARD_STANDBY."
            ) from error

    def database_answers(self) -> bool:
        return self.cluster.answers(self._passwords["superuser"])

    def manage(self, *arguments: str) -> str:
        """Run one management command to its end. Raises ``CannotStart`` with what it said."""
        outcome = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode != 0:
            last = "\n".join(outcome.stderr.strip().splitlines()[-8:])
            raise CannotStart(f"`manage.py {' '.join(arguments)}` failed:\n{last}", "")
        return outcome.stdout

    def _database(self, role: str, port: int = 0) -> str:
        user, port = f"stateward_{role}", port or self.addresses.postgres
        return f"postgresql://{user}:{self._passwords[role]}@{LOOPBACK}:{port}/{NAME}"

    def state_of(self, name: str) -> dict[str, Any]:
        """One program's state and process id; empty when the supervisor knows none of that name."""
        found = (status for status in self.supervision.statuses() if status.name == name)
        return next(({"state": status.state, "pid": status.pid} for status in found), {})


def _model_settings() -> dict[str, str]:
    """Where the model that helps people is, if whoever types ``make up`` says so: of their
    environment the programs get nothing else.
    """
    return {
        name: value for name, value in os.environ.items() if name.startswith("STATEWARD_ASSIST_")
    }
