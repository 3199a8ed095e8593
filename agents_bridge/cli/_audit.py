"""Commands on the audit."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from agents_bridge._audit import SearchOptions
from agents_bridge._models import AuditRecord
from agents_bridge.cli._common import As, Json, Limit, connect, time_argument
from agents_bridge.cli._output import done, moment, render, show, size

app = typer.Typer(
    help="The audit: what happened, and the proof of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="At or after this.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before this.")]
Actor = Annotated[str | None, typer.Option(help="Who did it.")]
Action = Annotated[str | None, typer.Option(help="Such as state.write.")]
Outcome = Annotated[str | None, typer.Option(help="Such as allow or deny_forbid.")]
InNamespace = Annotated[str | None, typer.Option("--namespace", help="In this namespace.")]
OfKey = Annotated[str | None, typer.Option("--key", help="Of this key.")]
RequestId = Annotated[str | None, typer.Option(help="Of this request.")]
InRun = Annotated[str | None, typer.Option("--run", help="Of this agent run.")]
RecordId = Annotated[str, typer.Argument(metavar="RECORD", help="Its id.", show_default=False)]


@app.command("search")
def search_audit(
    *,
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    action: Action = None,
    outcome: Outcome = None,
    namespace: InNamespace = None,
    key: OfKey = None,
    request_id: RequestId = None,
    run: InRun = None,
    limit: Limit = 50,
    json: Json = False,
    agent: As = None,
) -> None:
    """List the records that match, newest first.

    Example: stateward audit search --outcome deny_forbid --since 2026-11-20
    """
    filters = _filters(
        since=since,
        until=until,
        actor=actor,
        action=action,
        outcome=outcome,
        namespace=namespace,
        key=key,
        request_id=request_id,
        run=run,
    )
    with connect(agent) as client:
        found = client.audit.search(page_size=min(limit, 1000), **filters)
        records = list(islice(found, limit))
    show(records, json=json, otherwise=lambda: _table(records))


@app.command("show")
def show_record(*, record: RecordId, json: Json = False, agent: As = None) -> None:
    """Show one record whole."""
    with connect(agent) as client:
        found = client.audit.record(record)
    show(found, json=json, otherwise=lambda: render().value(found.raw))


@app.command("proof")
def prove_record(*, record: RecordId, json: Json = False, agent: As = None) -> None:
    """Print the proof that a record is in the sealed tree."""
    with connect(agent) as client:
        found = client.audit.proof(record)
    show(found, json=json, otherwise=lambda: render().value(found))


@app.command("export")
def export_audit(
    *,
    bundle: Annotated[Path, typer.Argument(metavar="FILE", help="Where to.", show_default=False)],
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    action: Action = None,
    outcome: Outcome = None,
    namespace: InNamespace = None,
    key: OfKey = None,
    request_id: RequestId = None,
    run: InRun = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Save records and proofs for `stateward verify`."""
    filters = _filters(
        since=since,
        until=until,
        actor=actor,
        action=action,
        outcome=outcome,
        namespace=namespace,
        key=key,
        request_id=request_id,
        run=run,
    )
    with connect(agent) as client:
        saved = client.audit.bundle(bundle, **filters)
    done(f"{saved.path}: {size(saved.size_bytes)}, SHA-256 {saved.sha256}", saved, json=json)


def _filters(
    *,
    since: str | None,
    until: str | None,
    actor: str | None,
    action: str | None,
    outcome: str | None,
    namespace: str | None,
    key: str | None,
    request_id: str | None,
    run: str | None,
) -> SearchOptions:
    return {
        "since": time_argument(since),
        "until": time_argument(until),
        "actor": actor,
        "action": action,
        "outcome": outcome,
        "namespace": namespace,
        "key": key,
        "request_id": request_id,
        "in_run": run,
    }


def _table(records: list[AuditRecord]) -> None:
    render().table(
        ["AT (UTC)", "ACTOR", "ACTION", "OUTCOME", "RESOURCE", "=RECORD"],
        (
            (moment(each.at), each.actor, each.action, each.outcome, _resource(each), each.id)
            for each in records
        ),
    )


def _resource(record: AuditRecord) -> str | None:
    """``namespace/key``, a namespace, or a type with its id; an erased key is not shown."""
    resource = record.resource
    if namespace := resource.get("namespace"):
        key = resource.get("key")
        return f"{namespace}/{key}" if key else str(namespace)
    parts = [str(resource[name]) for name in ("type", "id") if resource.get(name)]
    return ":".join(parts) or None
