"""What a synchronous process counted in memory, written down now and then: console and worker.

The data plane does the same in ``housekeeping.py``, on its own connections.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.core.signals import request_finished

from stateward.gate.audit import services as audit
from stateward.gate.keys.services import add_messages
from stateward.state.usage import add_usage
from stateward.tenancy.scope import run_flow
from stateward.web.metrics import add_metrics

log = logging.getLogger("stateward.flushing")

EVERY_SECONDS = 2.0

_last = time.monotonic()


def flush_process(*, is_last: bool = False) -> None:
    """Write down what waits. What cannot be written is kept for the next time, and logged."""
    for flush in (
        lambda: audit.flush(everything=is_last),
        lambda: run_flow(add_messages()),
        lambda: run_flow(add_metrics()),
        lambda: run_flow(add_usage()),
    ):
        try:
            flush()
        except Exception:
            log.exception("flushing.failed")


def flush_after_requests() -> None:
    """From now on, whenever a request has been answered and it is time; for the console."""
    request_finished.connect(_flush_when_due)


def _flush_when_due(**kwargs: Any) -> None:
    global _last  # noqa: PLW0603  # two threads that both find it due do no harm
    if time.monotonic() - _last >= EVERY_SECONDS:
        _last = time.monotonic()
        flush_process()
