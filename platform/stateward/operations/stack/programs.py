"""What runs, in which order, and how each is started: the supervisor's configuration.

Groups start from the top and stop from the bottom: first nothing new comes in, then the work at
hand ends, then the servers go.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from stateward.operations.embedded.accounts import SERVICE_USER, service_account
from stateward.operations.stack import follow
from stateward.operations.stack.home import Home

SERVERS, REPLICAS, JOBS, WEB = "servers", "replicas", "jobs", "web"
BACKGROUND = ("sealer", "worker", "beat")
PRIORITIES = {SERVERS: 100, REPLICAS: 150, JOBS: 200, WEB: 300}
LOG_BYTES = "10MB"
LOG_COPIES = 3


@dataclass(frozen=True)
class Program:
    """One process to keep alive. ``once`` runs to its end and is not started again."""

    name: str
    group: str
    command: list[str]
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    as_service: bool = False
    once: bool = False
    without: Path | None = None  # a socket to remove before each start

    def section(self, home: Home) -> str:
        """Its section of the configuration."""
        user = SERVICE_USER if self.as_service and service_account() else follow.NOBODY_ELSE
        wrapper = [sys.executable, "-I", "-S", follow.__file__, self.stop_signal, user]
        if self.without:
            wrapper.append(f"{follow.WITHOUT}{self.without}")
        settings = {
            "command": shlex.join([*wrapper, *self.command]),
            "directory": "/" if self.as_service else str(home.path),
            "autostart": "false",
            "autorestart": "false" if self.once else "true",
            "startsecs": "0" if self.once else "1",
            "startretries": "10",
            "stopsignal": self.stop_signal,
            "stopwaitsecs": str(self.stop_seconds),
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(home.logs / f"{self.name}.log"),
            "stdout_logfile_maxbytes": LOG_BYTES,
            "stdout_logfile_backups": str(LOG_COPIES),
        }
        lines = [f"{name}={escaped(value)}" for name, value in settings.items()]
        return "\n".join([f"[program:{self.name}]", *lines])


def escaped(value: str) -> str:
    """The supervisor expands per cent signs, and takes a semicolon after a blank for a comment."""
    return value.replace("%", "%%")


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def data_plane(host: str, port: int) -> Program:
    return Program(
        "dataplane",
        WEB,
        python(
            "-m", "uvicorn", "stateward.asgi:application", "--host", host, "--port", str(port),
            "--loop", "uvloop", "--http", "stateward.web.http:Protocol",
            "--no-access-log", "--log-level", "warning", "--no-server-header",
            "--no-proxy-headers", "--timeout-graceful-shutdown", "5",
        ),
    )  # fmt: skip


def console(socket: Path) -> Program:
    return Program(
        "console",
        WEB,
        python(
            "-m", "granian", "--interface", "wsgi", "stateward.wsgi:application",
            "--uds", str(socket), "--uds-permissions", "384",  # octal 600
            "--blocking-threads", "4", "--workers", "1", "--no-ws", "--log-level", "warning",
            "--workers-kill-timeout", "5", "--respawn-failed-workers", "--respawn-interval", "0.5",
        ),
        without=socket,
    )  # fmt: skip


def jobs(root: Path, home: Home) -> list[Program]:
    celery = python("-m", "celery", "--app", "stateward.celery", "--workdir", str(root))
    return [
        Program(
            "worker",
            JOBS,
            [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"],
            stop_seconds=20,
        ),
        Program(
            "beat",
            JOBS,
            [*celery, "beat", "--schedule", str(home.path / "beat.db"), "--pidfile=", "-l", "INFO"],
        ),
        Program("sealer", JOBS, python(str(root / "manage.py"), "sealer")),
    ]


def configuration(home: Home, programs: list[Program], socket: Path, password: str) -> str:
    """The supervisor's whole configuration file; it holds its own password and no other."""
    sections = [
        f"[supervisord]\nnodaemon=true\nsilent=true\nlogfile={escaped(str(home.logs))}/supervisor.log"
        f"\nlogfile_maxbytes={LOG_BYTES}\nlogfile_backups={LOG_COPIES}\nminfds=1024"
        f"\npidfile={escaped(str(home.run))}/supervisor.pid\nchildlogdir={escaped(str(home.logs))}"
        + ("\nuser=root" if service_account() else ""),
        f"[unix_http_server]\nfile={escaped(str(socket))}\nchmod=0600"
        f"\nusername=stack\npassword={escaped(password)}",
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        *(program.section(home) for program in programs),
    ]
    for group, priority in PRIORITIES.items():
        names = ",".join(program.name for program in programs if program.group == group)
        if names:
            sections.append(f"[group:{group}]\nprograms={names}\npriority={priority}")
    return "\n\n".join(sections) + "\n"
