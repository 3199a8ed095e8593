"""Sinks: make, change, pause, set back, try, remove. Each decided, and on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from governance.sinks.acts import MANAGE, permit_managing
from governance.sinks.custody import keep_secret
from governance.sinks.exceptions import SinkNameTaken, TooManySinks
from governance.sinks.models import FORMATS, Sink
from governance.sinks.queries import find_sink
from governance.sinks.where import NAME, check_where
from stateward.gate.audit.proofs import latest_checkpoint
from stateward.gate.policy.permits import record
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import NotFound, unfit
from stateward.operations.jobs.services import start
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.webhooks import new_secret, secret_from, secret_text

MOST = 20
MOST_SECRET = 4_096  # characters
TEST_JOB = "audit.test_sink"


def create_sink(
    actor: Actor,
    call: Call,
    *,
    name: str,
    kind: str,
    settings: Mapping[str, Any],
    format: str = "ndjson",  # the word of the API
    secret: str = "",
    with_payload: bool = False,
    since: str = "now",
) -> tuple[Sink, str]:
    """A new sink, and the secret where one was made for it (shown this once).

    ``since``: ``now`` begins with what is sealed from here on, ``beginning`` with the log's first.
    """
    with tenant_scope(actor.tenant_id):
        decision = permit_managing(actor, call)
        if Sink.objects.filter(tenant_id=actor.tenant_id).count() >= MOST:
            raise TooManySinks(f"A tenant has at most {MOST} sinks; remove one first.")
        if not NAME.fullmatch(name):
            raise unfit("name", "small letters, digits, _ and -, at most 64")
        sink = Sink(
            tenant_id=actor.tenant_id,
            name=name,
            kind=kind,
            format=_format(format),
            settings=check_where(kind, settings),
            with_payload=with_payload,
            cursor=0 if since == "beginning" else _end_of_log(actor.tenant_id),
            created_by=actor.name[:254],
        )
        made = _give_secret(sink, secret)
        try:
            with transaction.atomic():
                sink.save(force_insert=True)
        except IntegrityError:
            raise SinkNameTaken from None
        told = {"kind": kind, "format": sink.format, "with_payload": with_payload}
        _record(call, decision, sink, "sink.created", {**told, "place": sink.cursor})
        return find_sink(actor.tenant_id, sink.id), made


def change_sink(
    actor: Actor, call: Call, sink_id: UUID, fields: Mapping[str, Any]
) -> tuple[Sink, str]:
    """Other settings, format or secret. ``secret`` "" makes a new one for a webhook."""
    with tenant_scope(actor.tenant_id):
        decision = permit_managing(actor, call)
        sink = _locked(actor.tenant_id, sink_id)
        if "settings" in fields:
            sink.settings = check_where(sink.kind, fields["settings"])
        if "format" in fields:
            sink.format = _format(fields["format"])
        sink.with_payload = fields.get("with_payload", sink.with_payload)
        made = _give_secret(sink, fields["secret"]) if "secret" in fields else ""
        sink.pending = None  # what was tried had another form
        sink.next_at, sink.changed_at = Now(), Now()
        sink.save()
        _record(call, decision, sink, "sink.changed", {"changed": sorted(fields)})
        return find_sink(actor.tenant_id, sink.id), made


def pause_sink(actor: Actor, call: Call, sink_id: UUID) -> Sink:
    """Send nothing until it is resumed; its place is kept."""
    return _set_state(actor, call, sink_id, Sink.State.PAUSED, "sink.paused")


def resume_sink(actor: Actor, call: Call, sink_id: UUID) -> Sink:
    """Go on where it stopped, at once: also one whose receiver had wanted nothing more."""
    return _set_state(actor, call, sink_id, Sink.State.ACTIVE, "sink.resumed")


def move_sink(actor: Actor, call: Call, sink_id: UUID, place: int) -> Sink:
    """Deliver from another place of the log on: again what was lost over there, or less."""
    with tenant_scope(actor.tenant_id):
        decision = permit_managing(actor, call)
        sink = _locked(actor.tenant_id, sink_id)
        end = _end_of_log(actor.tenant_id)
        if not 0 <= place <= end:
            raise unfit("place", f"a place of the log, from 0 to {end}")
        before, sink.cursor, sink.pending = sink.cursor, place, None
        sink.next_at = Now()
        sink.save()
        _record(call, decision, sink, "sink.moved", {"from": before, "to": place})
        return find_sink(actor.tenant_id, sink.id)


def remove_sink(actor: Actor, call: Call, sink_id: UUID) -> None:
    """Send nothing more there, ever. What was delivered stays where it is."""
    with tenant_scope(actor.tenant_id):
        decision = permit_managing(actor, call)
        sink = _locked(actor.tenant_id, sink_id)
        _record(call, decision, sink, "sink.removed", {"place": sink.cursor})
        sink.delete()


def try_sink(actor: Actor, call: Call, sink_id: UUID) -> UUID:
    """Have the worker send a line that is no record; the run. How it went stands at the sink."""
    with tenant_scope(actor.tenant_id):
        decision = permit_managing(actor, call)
        sink = find_sink(actor.tenant_id, sink_id)
        _record(call, decision, sink, "sink.tested", {})
        params = {"sink": str(sink.id)}
        return start(TEST_JOB, tenant_id=actor.tenant_id, params=params, actor=actor)


def _set_state(actor: Actor, call: Call, sink_id: UUID, state: str, event: str) -> Sink:
    with tenant_scope(actor.tenant_id):
        decision = permit_managing(actor, call)
        sink = _locked(actor.tenant_id, sink_id)
        if sink.state != state:
            sink.state, sink.next_at = state, Now()
            sink.attempts, sink.failing_since = 0, None
            sink.save()
            _record(call, decision, sink, event, {"place": sink.cursor})
        return find_sink(actor.tenant_id, sink.id)


def _give_secret(sink: Sink, given: str) -> str:
    """Keep the secret a kind needs; the text of one that was made here."""
    if len(given) > MOST_SECRET:
        raise unfit("secret", f"at most {MOST_SECRET:,} characters")
    if sink.kind == "webhook":
        secret = secret_from(given) if given else new_secret()
        keep_secret(sink, secret)
        return "" if given else secret_text(secret)
    if sink.kind == "s3":
        if not given or not given.isascii() or not given.isprintable():
            raise unfit("secret", "the secret that belongs to the access key")
        keep_secret(sink, given.encode())
    elif given:
        raise unfit("secret", f"a sink of the kind {sink.kind} has none")
    return ""


def _format(text: str) -> str:
    if text not in FORMATS:
        raise unfit("format", f"one of {', '.join(FORMATS)}")
    return text


def _locked(tenant_id: UUID, sink_id: UUID) -> Sink:
    sink = Sink.objects.select_for_update().filter(tenant_id=tenant_id, id=sink_id).first()
    if sink is None:
        raise NotFound
    return sink


def _end_of_log(tenant_id: UUID) -> int:
    try:
        return run_flow(latest_checkpoint(tenant_id)).size
    except NotFound:
        return 0


def _record(
    call: Call, decision: Decision, sink: Sink, event: str, details: Mapping[str, Any]
) -> None:
    told = {"event": event, "name": sink.name, **details}
    record(call, decision, MANAGE, ("sink", str(sink.id)), told)
