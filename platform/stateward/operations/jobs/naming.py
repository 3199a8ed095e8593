"""What a worker is called."""

from __future__ import annotations

import os
import socket


def worker_name() -> str:
    """This process, as the console names it."""
    return f"{socket.gethostname()}:{os.getpid()}"
