"""Where a stack keeps what is its own: ``STATEWARD_HOME``."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stateward.operations.embedded.accounts import place_for
from stateward.operations.exceptions import CannotStart

FREE_BYTES = 512 * 1024 * 1024
SOCKET_PATH_LIMIT = 90  # Linux allows 107 bytes for a socket's path, macOS 103


@dataclass(frozen=True)
class Home:
    """One folder; everything below it is readable by its owner alone."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def root_key(self) -> Path:
        return self.path / "root.key"

    @property
    def copy_confirmed(self) -> Path:
        return self.path / "root.key.copy-confirmed"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def stack(self) -> Path:
        return self.path / "stack.json"

    @property
    def quickstart(self) -> Path:
        return self.path / "quickstart.json"

    @property
    def servers(self) -> Path:
        """Where PostgreSQL and Valkey keep their files; decided once, then a link says it."""
        kept = self.path / "servers"
        return kept.resolve() if kept.exists() else place_for(self.path)

    @property
    def run(self) -> Path:
        """Where sockets live; a short path, because the system caps the length of theirs."""
        run = self.path / "run"
        if len(str(run / "supervisor.sock")) <= SOCKET_PATH_LIMIT:
            return run
        mark = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"stateward-{os.getuid()}-{mark}"

    def prepare(self) -> None:
        """Make the folders. Raises ``CannotStart`` where that is impossible."""
        try:
            # Others may pass through, for the servers' account; files are closed one by one.
            if not self.path.exists():
                self.path.mkdir(parents=True)
                self.path.chmod(0o711)
            for folder in (self.logs, self.run, self.path / "mail"):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
            self._prepare_servers()
            probe = self.path / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise CannotStart(
                f"{self.path} cannot be written: {error.strerror}.",
                "Make it yours, or name another folder in STATEWARD_HOME.",
            ) from None
        free = shutil.disk_usage(self.path).free
        if free < FREE_BYTES:
            raise CannotStart(
                f"Only {free // 1024**2} MiB are free where {self.path} lies.",
                f"Free at least {FREE_BYTES // 1024**2} MiB, or name another STATEWARD_HOME.",
            )

    def _prepare_servers(self) -> None:
        servers = self.servers
        servers.mkdir(parents=True, exist_ok=True)
        servers.chmod(0o711)
        kept = self.path / "servers"
        if not kept.exists():
            kept.symlink_to(servers)

    def lock(self) -> int:
        """Hold the home for this process until it ends; the open lock's descriptor."""
        descriptor = os.open(self.path / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 100, 0).decode() or "another process"
            raise CannotStart(
                f"A stack is already running from {self.path} (process {holder}).",
                "Use that one, stop it with Ctrl-C, or name another STATEWARD_HOME.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours; empty when there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return content


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole, readable by its owner alone from the first byte."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_private(path, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
