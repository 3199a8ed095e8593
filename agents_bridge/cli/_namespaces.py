"""Commands on namespaces."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from agents_bridge import _models as models
from agents_bridge._wire import UNSET
from agents_bridge.cli._common import (
    As,
    Json,
    Limit,
    Namespace,
    Yes,
    confirm_name,
    connect,
    json_argument,
    pairs,
)
from agents_bridge.cli._output import as_json, done, moment, render, show

app = typer.Typer(
    help="Namespaces: named sets of entries under one set of rules.", no_args_is_help=True
)

Classification = Literal["public", "internal", "confidential", "restricted"]
Concurrency = Literal["last_write_wins", "versioned", "merge", "reducer", "crdt"]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="May be repeated.")
]
Reducer = Annotated[
    str | None, typer.Option("--reducer", metavar="NAME", help="With --concurrency reducer.")
]
By = Annotated[str | None, typer.Option("--by", metavar="MEMBER", help="With --reducer upsert_by.")]
Crdt = Annotated[
    Literal["counter", "set", "map", "text"] | None,
    typer.Option("--crdt", help="With --concurrency crdt."),
]
Schema = Annotated[
    Path | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema for the values.")
]
Ttl = Annotated[
    int | None, typer.Option("--default-ttl", metavar="SECONDS", help="Entries expire after this.")
]


@app.command("list")
def list_namespaces(
    *,
    prefix: Annotated[str | None, typer.Option(help="Only names that begin so.")] = None,
    limit: Limit = 100,
    json: Json = False,
    agent: As = None,
) -> None:
    """List the namespaces you may know of."""
    with connect(agent) as client:
        found = client.namespaces.list(prefix=prefix, page_size=min(limit, 1000))
        namespaces = list(islice(found, limit))
    show(
        namespaces,
        json=json,
        otherwise=lambda: render().table(
            ["NAME", "CLASSIFICATION", "CONCURRENCY", "SCOPE", "CREATED (UTC)"],
            (
                (
                    each.name,
                    each.classification,
                    each.concurrency,
                    each.scope,
                    moment(each.created_at),
                )
                for each in namespaces
            ),
        ),
    )


@app.command("show")
def show_namespace(*, namespace: Namespace, json: Json = False, agent: As = None) -> None:
    """Show one namespace and its rules."""
    with connect(agent) as client:
        found = client.namespaces.get(namespace)
    show(found, json=json, otherwise=lambda: _facts(found))


@app.command("create")
def create_namespace(
    *,
    namespace: Namespace,
    classification: Annotated[Classification, typer.Option()] = "internal",
    concurrency: Annotated[Concurrency, typer.Option()] = "last_write_wins",
    reducer: Reducer = None,
    by: By = None,
    crdt: Crdt = None,
    schema: Schema = None,
    label: Labels = None,
    default_ttl: Ttl = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Create a namespace.

    Example: stateward namespace create airline.customers --classification restricted
    Example: stateward namespace create airline.calls --concurrency crdt --crdt counter
    """
    content = json_argument(f"@{schema}", what="The schema") if schema else UNSET
    with connect(agent) as client:
        created = client.namespaces.create(
            namespace,
            classification=classification,
            concurrency=concurrency,
            reducer=UNSET if reducer is None else {"name": reducer, **({"by": by} if by else {})},
            crdt=UNSET if crdt is None else {"type": crdt},
            schema=content,
            labels=pairs(label, what="A label") if label else UNSET,
            default_ttl_seconds=UNSET if default_ttl is None else default_ttl,
        )
    done(f"{created.name} is created ({created.classification})", created, json=json)


@app.command("update")
def update_namespace(
    *,
    namespace: Namespace,
    classification: Annotated[Classification | None, typer.Option()] = None,
    schema: Schema = None,
    no_schema: Annotated[bool, typer.Option("--no-schema", help="Take the schema away.")] = False,
    label: Labels = None,
    default_ttl: Ttl = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Change what is given, leave the rest."""
    content = json_argument(f"@{schema}", what="The schema") if schema else UNSET
    with connect(agent) as client:
        updated = client.namespaces.update(
            namespace,
            classification=classification or UNSET,
            schema=None if no_schema else content,
            labels=pairs(label, what="A label") if label else UNSET,
            default_ttl_seconds=UNSET if default_ttl is None else default_ttl,
        )
    done(f"{updated.name} is changed", updated, json=json)


@app.command("quota")
def namespace_quota(
    *,
    namespace: Namespace,
    entries: Annotated[int | None, typer.Option(min=1, help="That live.")] = None,
    size: Annotated[int | None, typer.Option("--bytes", min=1, help="With history.")] = None,
    writes_per_day: Annotated[int | None, typer.Option(min=1)] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Take the quota away.")] = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Show a namespace's quota and what is used of it, or set it."""
    with connect(agent) as client:
        if lift:
            found = client.namespaces.set_quota(namespace)
        elif entries or size or writes_per_day:
            found = client.namespaces.set_quota(
                namespace, entries=entries, bytes=size, writes_per_day=writes_per_day
            )
        else:
            found = client.namespaces.quota(namespace)
    show(found, json=json, otherwise=lambda: render().facts(_quota_facts(found)))


@app.command("analytics")
def namespace_analytics(
    *,
    namespace: Namespace,
    days: Annotated[int, typer.Option(min=1, max=400)] = 30,
    json: Json = False,
    agent: As = None,
) -> None:
    """What a namespace is used for, as counted within the last hour."""
    with connect(agent) as client:
        found = client.namespaces.analytics(namespace, days=days)
    show(found, json=json, otherwise=lambda: render().facts(_use_facts(found)))


@app.command("delete")
def delete_namespace(
    *,
    namespace: Namespace,
    force: Annotated[bool, typer.Option("--force", help="Its entries too.")] = False,
    yes: Yes = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Delete a namespace; with --force also one that has entries."""
    what = "and all its entries" if force else "(which must be empty)"
    confirm_name(f"This deletes the namespace {namespace} {what}.", namespace, yes=yes)
    with connect(agent) as client:
        client.namespaces.delete(namespace, force=force)
    done(f"{namespace} is deleted", {"deleted": True}, json=json)


def _facts(found: models.Namespace) -> None:
    owner = found.owner if isinstance(found.owner, dict) else {"id": found.owner}
    render().facts(
        [
            ("name", found.name),
            ("classification", found.classification),
            ("concurrency", found.concurrency),
            ("reducer", as_json(found.reducer, indent=None) if found.reducer else None),
            ("crdt", found.crdt["type"] if found.crdt else None),
            ("scope", found.scope),
            ("owner", ":".join(str(owner[part]) for part in ("type", "id") if owner.get(part))),
            ("labels", ", ".join(f"{name}={text}" for name, text in found.labels.items())),
            ("default ttl", found.default_ttl_seconds and f"{found.default_ttl_seconds} s"),
            ("created", f"{moment(found.created_at)} UTC"),
            ("updated", f"{moment(found.updated_at)} UTC"),
            ("schema", as_json(found.schema, indent=None) if found.schema else None),
        ]
    )


def _quota_facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    used = {"entries": "entries", "bytes": "bytes", "writes_per_day": "writes_today"}
    return [
        (
            key.replace("_", " "),
            f"{found['used'][key]:,}"
            + (" (no limit)" if found[name] is None else f" of {found[name]:,}"),
        )
        for name, key in used.items()
    ]


def _use_facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    days, dead = found["days"], found["dead"]
    return [
        ("counted", found["analysed_at"] or "not yet"),
        ("entries", f"{days[-1]['entries']:,}, {days[-1]['bytes']:,} bytes of values"),
        ("history", f"{days[-1]['revisions']:,} revisions, {days[-1]['revision_bytes']:,} bytes"),
        ("writes", f"{sum(day['writes'] for day in days):,}"),
        ("reads", f"{sum(day['reads'] for day in days):,}"),
        ("conflicts", f"{sum(day['conflicts'] for day in days):,}"),
        *[("hot", f"{one['key']}: {one['writes']:,} writes") for one in found["hottest"][:5]],
        *[("large", f"{one['key']}: {one['size_bytes']:,} bytes") for one in found["largest"][:5]],
        ("dead", f"{dead['keys']:,} keys, {dead['bytes']:,} bytes"),
    ]
