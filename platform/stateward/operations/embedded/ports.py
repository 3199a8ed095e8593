"""Finding a port that nobody else listens on."""

from __future__ import annotations

import errno
import socket

LOOPBACK = "127.0.0.1"


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
