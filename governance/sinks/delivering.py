"""One turn of one sink: what is to go, the sending outside any transaction, how it went.

Killed between sending and noting, the same stretch goes once more under the same id: at least once,
never less. What a sink does cannot hold up a request: nobody but the worker waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from governance.sinks.acts import record_event
from governance.sinks.batch import Batch, Line, Sent
from governance.sinks.carriers import CARRIERS
from governance.sinks.custody import open_secret
from governance.sinks.formats import FORMATS, within
from governance.sinks.models import Sink
from governance.sinks.where import line_limit
from stateward.gate.audit.proofs import StoredCheckpoint
from stateward.gate.audit.stream import Placed, Stretch, stretch_from
from stateward.tenancy.scope import run_flow, tenant_scope

MOST_RECORDS = 500  # of one batch
MOST_BYTES = 1024 * 1024
CHECKPOINT_EVERY = timedelta(minutes=1)  # while the log grows
CHECKPOINT_IDLE = timedelta(hours=1)  # while it does not: the note is signed anew all the time
# Nothing is ever dropped, so nothing is given up: the last wait is repeated.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900))
LONGEST_WAIT = timedelta(hours=1)  # that a receiver can ask for

Guard = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of it. ``has_more``: the same sink could go on at once."""

    records: int = 0
    is_taken: bool = False
    has_more: bool = False
    was_due: bool = True


@dataclass(frozen=True, slots=True)
class _Prepared:
    sink: Sink
    batch: Batch
    secret: bytes
    has_more: bool


def take_turn(tenant_id: UUID, slug: str, sink_id: UUID, guard: Guard) -> Turn:
    """Deliver the sink's next stretch, where it is due and there is one."""
    with tenant_scope(tenant_id):
        guard()
        prepared = _prepare(tenant_id, slug, sink_id)
    if prepared is None:
        return Turn(was_due=False)
    sink, batch = prepared.sink, prepared.batch
    sent = CARRIERS[sink.kind](sink.settings, prepared.secret, batch)
    with tenant_scope(tenant_id):
        guard()
        is_noted = _note(sink, batch, sent)
    if not sent.is_taken or not is_noted:
        return Turn()
    return Turn(len(batch.lines), is_taken=True, has_more=prepared.has_more)


def _prepare(tenant_id: UUID, slug: str, sink_id: UUID) -> _Prepared | None:
    rows = Sink.objects.select_for_update(skip_locked=True)
    sink = rows.filter(tenant_id=tenant_id, id=sink_id, state=Sink.State.ACTIVE).first()
    now = database_now()
    if sink is None or sink.next_at > now:
        return None
    most = MOST_RECORDS if sink.pending is None else max(sink.pending - sink.cursor, 0)
    stretch = run_flow(stretch_from(tenant_id, sink.cursor, most))
    if stretch is None:
        return None
    batch = _batch(sink, slug, stretch, now)
    if batch is None:
        return None
    if batch.lines and sink.pending != batch.stop:
        sink.pending = batch.stop
        sink.save(update_fields=["pending"])
    return _Prepared(sink, batch, open_secret(sink), stretch.checkpoint.size > batch.stop)


def _batch(sink: Sink, slug: str, stretch: Stretch, now: datetime) -> Batch | None:
    """What of the stretch fits into one, and the checkpoint if it is due; None: nothing to send."""
    lines = _lines(sink, stretch.places)
    checkpoint = stretch.checkpoint if _is_due(sink, stretch.checkpoint, now) else None
    if not lines and checkpoint is None:
        return None
    form = FORMATS[sink.format]
    stop = lines[-1].index + 1 if lines else sink.cursor
    told = f"{sink.id}:{sink.cursor}-{stop}"
    if not lines and checkpoint is not None:
        told = f"{sink.id}:checkpoint-{int(checkpoint.renewed_at.timestamp())}"
    return Batch(
        id=told,
        tenant_id=sink.tenant_id,
        tenant=slug,
        start=sink.cursor,
        stop=stop,
        lines=tuple(lines),
        heading=form.heading,
        checkpoint=checkpoint.note if checkpoint else None,
        checkpoint_size=checkpoint.size if checkpoint else 0,
        checkpoint_line=form.checkpoint(checkpoint.size, checkpoint.note) if checkpoint else b"",
        content_type=form.content_type,
        suffix=form.suffix,
        at=checkpoint.renewed_at if checkpoint else None,
    )


def _lines(sink: Sink, places: list[Placed]) -> list[Line]:
    render = FORMATS[sink.format].record
    limit = line_limit(sink.kind, sink.settings)
    lines: list[Line] = []
    size = 0
    for placed in places:
        content = within(render(placed, sink.with_payload), placed, limit)
        size += len(content)
        # A stretch that was tried before goes whole: it is the same message.
        if lines and size > MOST_BYTES and sink.pending is None:
            break
        lines.append(_line(placed, content))
    return lines


def _line(placed: Placed, content: bytes) -> Line:
    record = placed.record
    at = record.at if record else database_now()
    return Line(placed.index, at, record is None or record.outcome != "allow", content)


def _is_due(sink: Sink, checkpoint: StoredCheckpoint, now: datetime) -> bool:
    if sink.checkpoint_at is None:
        return True
    since = now - sink.checkpoint_at
    return since >= (
        CHECKPOINT_EVERY if checkpoint.size > sink.checkpoint_size else CHECKPOINT_IDLE
    )


def _note(sink: Sink, batch: Batch, sent: Sent) -> bool:
    """Write down how it went; whether the sink was still there, and as it was."""
    rows = Sink.objects.select_for_update().filter(tenant_id=sink.tenant_id, id=sink.id)
    found = rows.first()
    if found is None or found.cursor != sink.cursor or found.state != Sink.State.ACTIVE:
        return False
    now = database_now()
    found.tried_at, found.said, found.answer = now, sent.said[:500], sent.answer[:1100]
    if sent.is_taken:
        _note_taken(found, batch, sent, now)
    else:
        _note_failed(found, sent, now)
    found.save()
    return True


def _note_taken(sink: Sink, batch: Batch, sent: Sent, now: datetime) -> None:
    if sink.failing_since is not None:
        details = {"failed_attempts": sink.attempts, "place": sink.cursor}
        record_event(sink, "sink.recovered", details)
    if sent.noticed:
        record_event(sink, "sink.noticed", {"said": sent.noticed, "place": sink.cursor})
        sink.said = f"{sent.said} {sent.noticed}"[:500]
    sink.cursor, sink.pending = batch.stop, None
    sink.delivered_at, sink.next_at = now, now
    sink.attempts, sink.failing_since = 0, None
    if batch.checkpoint is not None:
        sink.checkpoint_size, sink.checkpoint_at = batch.checkpoint_size, now


def _note_failed(sink: Sink, sent: Sent, now: datetime) -> None:
    if sink.failing_since is None:  # once, however often it fails from now on
        sink.failing_since = now
        record_event(sink, "sink.failed", {"said": sent.said, "place": sink.cursor})
    if sent.is_gone:
        sink.state = Sink.State.DISABLED
        record_event(sink, "sink.disabled", {"said": sent.said, "place": sink.cursor})
    wait = WAITS[min(sink.attempts, len(WAITS) - 1)]
    if sent.retry_after is not None:
        wait = min(max(wait, sent.retry_after), LONGEST_WAIT)
    sink.attempts += 1
    sink.next_at = now + wait


def try_out(tenant_id: UUID, slug: str, sink_id: UUID) -> Sent | None:
    """Send a line that is no record; None where the sink is gone. The cursor stays where it is."""
    with tenant_scope(tenant_id):
        sink = Sink.objects.filter(tenant_id=tenant_id, id=sink_id).first()
        if sink is None:
            return None
        now, secret = database_now(), open_secret(sink)
    content = b'{"test":"Stateward can reach this sink; this line is no record."}'
    if sink.format == "csv":
        content = b'0,"","","test"'
    batch = Batch(
        id=f"{sink.id}:test-{int(now.timestamp() * 1000)}",
        tenant_id=tenant_id,
        tenant=slug,
        start=0,
        stop=0,
        lines=() if sink.kind == "s3" else (Line(0, now, False, content),),
        checkpoint_line=content if sink.kind == "s3" else b"",
        suffix=FORMATS[sink.format].suffix,
    )
    sent = CARRIERS[sink.kind](sink.settings, secret, batch)
    with tenant_scope(tenant_id):
        Sink.objects.filter(tenant_id=tenant_id, id=sink_id).update(
            tested_at=now, test_said=sent.said[:500]
        )
    return sent


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
