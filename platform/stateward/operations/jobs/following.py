"""What somebody who follows a run is told: the same words on the page, and in the stream that keeps
it up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from stateward.kernel.clock import rfc3339
from stateward.operations.jobs.queries import JobRun, Line

SOON = timedelta(seconds=3)  # of work before a rest is guessed at


def message_of(run: JobRun, lines: Sequence[Line] = ()) -> dict[str, Any]:
    """A run as the stream sends it. A page holds no more, so nothing else need be asked for."""
    return {
        "id": str(run.id),
        "state": run.state,
        "is_over": run.is_over,
        "is_being_cancelled": run.is_cancelled,
        "done": run.done,
        "total": run.total,
        "stage": run.stage,
        "share": share_of(run),
        "says": progress_of(run),
        "heartbeat_at": rfc3339(run.beat_at) if run.beat_at else None,
        "lines": [{"number": one.number, "at": rfc3339(one.at), "text": one.text} for one in lines],
    }


def share_of(run: JobRun) -> float | None:
    """How much of the work is done, 0 to 1; None where nobody knows how much there is."""
    if run.state == "done":
        return 1.0
    if not run.total:
        return None
    return min(max(run.done / run.total, 0.0), 1.0)


def progress_of(run: JobRun) -> str:
    """One phrase: how far the run is, and what is left."""
    if run.state == "queued":
        return "waits for a worker" if run.attempts == 0 else "waits for its next turn"
    counted = f"{run.done:,}" if run.total is None else f"{run.done:,} of {run.total:,}"
    parts = [f"{run.stage}, {counted}" if run.stage else counted] if run.done or run.stage else []
    if run.state == "running" and (left := time_left(run)) is not None:
        parts.append(f"about {_span(left)} left")
    return "; ".join(parts) or ("at work" if run.state == "running" else "")


def time_left(run: JobRun) -> timedelta | None:
    """At the pace so far; None where that says nothing."""
    share = share_of(run)
    if run.started_at is None or not share or share >= 1:
        return None
    spent = run.now - run.started_at
    return spent * (1 - share) / share if spent >= SOON else None


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    if seconds < 60:
        return f"{max(seconds, 1)} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
