"""Which account the embedded servers run under, and where it can read and write.

PostgreSQL refuses to run as root. Started as root, the servers run as ``nobody``; what that account
cannot reach (a checkout in root's home, a fresh temporary directory) is placed under ``SHARED``
instead, one folder per home.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from pathlib import Path
from typing import TypedDict

SERVICE_USER = "nobody"
SHARED = Path("/var/lib/stateward")


class Drop(TypedDict, total=False):
    """Keywords for ``subprocess``; empty for anyone but root."""

    user: int
    group: int
    extra_groups: list[int]


def service_account() -> pwd.struct_passwd | None:
    """The account that root drops to; ``None`` where the caller is not root and needs none."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        raise RuntimeError(
            f"PostgreSQL does not run as root, and there is no account {SERVICE_USER!r} to run it "
            "as. Run `make up` as an ordinary user."
        ) from None


def drop_privileges() -> Drop:
    """What ``subprocess`` needs to leave root; empty for anyone else."""
    account = service_account()
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give(path: Path) -> None:
    """Hand a file or directory to the account the servers run under."""
    if account := service_account():
        os.chown(path, account.pw_uid, account.pw_gid)


def reachable(path: Path) -> bool:
    """Whether the service account can enter every directory above ``path``, and the path itself.

    Directories that belong to the account count by their owner's bits, all others by everyone's.
    """
    account = service_account()
    if account is None:
        return True
    for directory in (path, *path.parents):
        if not directory.exists():
            continue
        status = directory.stat()
        bit = stat.S_IXUSR if status.st_uid == account.pw_uid else stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True


def place_for(home: Path) -> Path:
    """Where the servers of ``home`` keep their data: inside it, or in a folder of its own."""
    if reachable(home):
        return home / "servers"
    mark = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return SHARED / mark


def readable_programs(programs: Path, version: str) -> Path:
    """The directory itself, or a copy of it under ``SHARED`` where the account cannot enter it."""
    if reachable(programs):
        return programs
    copy = SHARED / "programs" / version
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(programs, unfinished, symlinks=True)
        for directory in (SHARED, copy.parent):
            directory.chmod(0o755)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # another start was faster
            shutil.rmtree(unfinished)
    return copy
