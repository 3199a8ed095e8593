"""Examinations of this machine: settings, versions, files, disk, the copy of the root key."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.core.checks import run_checks

from stateward.kernel.naming import fingerprint
from stateward.operations.doctor.findings import Finding, error, ok, warning
from stateward.operations.stack.home import Home, read_json

GIBIBYTE = 1024**3
LEAST_FREE = 1 * GIBIBYTE
LEAST_SHARE = 0.05
PRIVATE_FILES = ("root.key", "secrets.json", "stack.json", "quickstart.json", "supervisor.conf")


def configuration() -> Iterator[Finding]:
    """Every system check that speaks, Django's and ours."""
    serious = [message for message in run_checks() if not message.is_silenced()]
    for message in serious:
        level = error if message.is_serious() else warning
        yield level("configuration", f"{message.id}: {message.msg}", str(message.hint or ""))
    if not serious:
        kind = "production" if settings.PRODUCTION else "embedded" if settings.EMBEDDED else "other"
        yield ok("configuration", f"The settings ({kind}) hold nothing dangerous.")


def versions() -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield ok(
        "versions",
        f"Stateward {version('stateward')} on Python {python}, Django {version('django')}.",
    )


def root_key_copy() -> Iterator[Finding]:
    """An embedded stack made its root key itself, so nobody else has it unless it was copied."""
    if not settings.EMBEDDED:
        yield ok("root_key", f"The root key {fingerprint(settings.ROOT_KEY)} was given to us.")
        return
    confirmed = read_json(Home(settings.HOME).copy_confirmed)
    if confirmed.get("fingerprint") == fingerprint(settings.ROOT_KEY):
        yield ok("root_key", f"A copy of the root key was confirmed on {confirmed['at'][:10]}.")
        return
    yield warning(
        "root_key",
        "No copy of the root key has been confirmed. If this disk is lost, so is every value.",
        f"Copy {settings.ROOT_KEY_FILE} elsewhere, then: manage.py rootkey confirm-copy COPY",
    )


def permissions() -> Iterator[Finding]:
    """Secrets on disk are their owner's alone."""
    home = Path(settings.HOME)
    found = False
    for path in [home / name for name in PRIVATE_FILES]:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            found = True
            yield error("permissions", f"Others can read {path}.", f"chmod 600 {path}")
    if not found:
        yield ok("permissions", "Secrets on disk are readable by their owner alone.")


def disk() -> Iterator[Finding]:
    """Where the embedded servers write, else where this process does."""
    folder = Path(settings.HOME)
    if settings.EMBEDDED:
        folder = Home(folder).servers
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    free = f"{usage.free / GIBIBYTE:.1f} GiB of {usage.total / GIBIBYTE:.0f} free at {folder}."
    if usage.free < LEAST_FREE or usage.free < usage.total * LEAST_SHARE:
        level = error if usage.free < LEAST_FREE / 4 else warning
        yield level("disk", free, "Free space: PostgreSQL stops accepting writes on a full disk.")
    else:
        yield ok("disk", free)
