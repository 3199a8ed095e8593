"""The doorbell: who is interested is told at once that something has happened, and never what.

Datagrams on Unix sockets in one folder. A writer rings after its commit, the sequencer answers with
a ring to every process that has followers. Nothing rests on a ring: whoever is not told looks by
itself a little later. So a full buffer, a dead listener or a missing folder is nobody's trouble,
and neither side ever waits.
"""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from pathlib import Path

SEQUENCER = "sequencer.bell"
FOLLOWER = "follower-{pid}-{number}.bell"
PATTERN = "follower-*.bell"
LOOK_SECONDS = 0.5  # between two looks for new listeners
MAX_RING = 4096
RING = b"!"
URGENT = b"now"  # of one who waits for an answer


class Ears:
    """A socket that can be rung at."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, name
        self.was_urgent = False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        with suppress(FileNotFoundError):
            (folder / name).unlink()  # of one that was killed
        with _Folder(folder) as short:
            self.socket.bind(f"{short}/{name}")
        (folder / name).chmod(0o600)

    def wait(self, seconds: float) -> bool:
        """Whether it rang within the time."""
        self.was_urgent = False
        ready, _, _ = select.select([self.socket], [], [], max(seconds, 0.0))
        rings = self.drain() if ready else []
        self.was_urgent = URGENT in rings
        return bool(rings)

    def drain(self) -> list[bytes]:
        """What has been rung since the last time."""
        rings: list[bytes] = []
        with suppress(OSError):
            while True:
                rings.append(self.socket.recv(MAX_RING))
        return rings

    def close(self) -> None:
        self.socket.close()
        with suppress(OSError):
            (self._folder / self._name).unlink()


class Hand:
    """Rings at one listener, or at all of a kind. Never waits, never fails."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern = folder, pattern
        self._socket: socket.socket | None = None  # opened for the first who listens
        self._names: list[str] = []
        self._looked_at = 0.0

    def listeners(self) -> list[str]:
        """Who listens, as of half a second ago."""
        moment = time.monotonic()
        if moment - self._looked_at >= LOOK_SECONDS:
            self._looked_at = moment
            with suppress(OSError):
                self._names = [path.name for path in self._folder.glob(self._pattern)]
        return self._names

    def look_again(self) -> None:
        """Somebody new may listen."""
        self._looked_at = 0.0

    def ring(self, message: bytes = RING) -> None:
        for name in [*self.listeners()]:
            try:
                with _Folder(self._folder) as short:
                    self._opened().sendto(message, f"{short}/{name}")
            except (ConnectionRefusedError, FileNotFoundError):
                self._forget(name)  # it ended without a word
            except OSError:
                pass  # its buffer is full: it has been rung at enough

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        return self._socket

    def _forget(self, name: str) -> None:
        self._names = [one for one in self._names if one != name]
        if name != SEQUENCER:  # whoever takes that place removes what the last one left
            with suppress(OSError):
                (self._folder / name).unlink()


class _Folder:
    """A short name for a folder, while it is held: a socket's address has 107 bytes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder

    def __enter__(self) -> str:
        self._descriptor: int | None = None
        if len(os.fsencode(self._path)) < 60:
            return str(self._path)
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptor}"

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
