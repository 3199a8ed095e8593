"""A file on this machine, in the tenant's own folder: appended, synced, rotated by size.

It is opened anew for each batch, so that one that was moved or removed is begun again. A batch that
does not fit on the disk leaves the file as it was. What a killed process left half-written is taken
out before the next batch, which is the same batch once more.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.sinks.batch import Batch, Sent
from stateward.kernel.clock import now

TAIL = 64 * 1024  # bytes looked through for the end of the last whole line


def folder_of(batch: Batch) -> Path:
    return Path(settings.SINK_FOLDER) / str(batch.tenant_id)


def carry(where: Mapping[str, Any], secret: bytes, batch: Batch) -> Sent:
    folder = folder_of(batch)
    path = folder / f"{where['file']}.{batch.suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        noticed = _noticed(path, batch)
        _rotate(path, int(where["rotate_bytes"]))
        _append(path, batch)
    except OSError as error:
        return Sent(False, f"The file cannot be written: {error.strerror or 'unknown'}.")
    return Sent(True, "Written and synced.", noticed=noticed)


def _noticed(path: Path, batch: Batch) -> str:
    if batch.start == 0 or not batch.lines or path.exists():
        return ""
    return f"The file was not there any more; begun anew with place {batch.start:,} of the log."


def _append(path: Path, batch: Batch) -> None:
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        size = _whole(opened)
        body = batch.body
        if batch.heading and size:
            body = body[len(batch.heading) + 1 :]
        try:
            _write(opened, body)
            os.fsync(opened)
        except OSError:
            os.ftruncate(opened, size)
            raise
    finally:
        os.close(opened)


def _whole(opened: int) -> int:
    """Take out what follows the last line's end; the size that is left."""
    size = os.fstat(opened).st_size
    start = max(size - TAIL, 0)
    end = os.pread(opened, size - start, start).rfind(b"\n") + 1
    whole = start + end if end or start == 0 else size
    if whole < size:
        os.ftruncate(opened, whole)
    return whole


def _write(opened: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(opened, view) :]


def _rotate(path: Path, most: int) -> None:
    """Put a full file aside under the time. Nothing that was delivered is ever removed here."""
    try:
        if path.stat().st_size < most:
            return
    except FileNotFoundError:
        return
    aside = path.with_name(f"{path.stem}-{now():%Y%m%dT%H%M%S%f}{path.suffix}")
    path.rename(aside)
