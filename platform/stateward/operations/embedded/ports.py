"""Finding a port that nobody else listens on."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
LISTENING = "0A"  # how Linux writes the state of a socket that waits for callers


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could open ``port`` now. Connections that are ending do not count."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def any_free(host: str = LOOPBACK) -> int:
    """A port the system picked."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def choose(*wanted: int, host: str = LOOPBACK) -> int:
    """The first free one of ``wanted``, else the first free above the last of them, else any."""
    usual = (*wanted, *range(wanted[-1] + 1, wanted[-1] + 20))
    return next((port for port in usual if port and is_free(port, host)), 0) or any_free(host)


def listens(pid: int, port: int) -> bool:
    """Whether process ``pid`` itself has ``port`` open. Only Linux tells; others are believed."""
    tables = [path for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if path.exists()]
    if not tables:
        return True
    sockets = {
        f"socket:[{fields[9]}]"
        for table in tables
        for fields in (line.split() for line in table.read_text().splitlines()[1:])
        if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port
    }
    try:
        return any(os.readlink(file) in sockets for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or closed one just now
        return False
