"""Commands on entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import typer

from agents_bridge._models import Entry, WrittenEntry
from agents_bridge._wire import UNSET
from agents_bridge.cli._common import (
    As,
    IfMatch,
    Json,
    Key,
    Limit,
    Namespace,
    Yes,
    confirm,
    connect,
    json_argument,
    pairs,
    read_text,
    time_argument,
)
from agents_bridge.cli._output import as_json, done, moment, render, show, size

AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="As it was then (RFC 3339).")
]


def get(
    *,
    namespace: Namespace,
    key: Key,
    version: Annotated[int | None, typer.Option(help="As it was in this version.")] = None,
    as_of: AsOf = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Print an entry's value. With --json, the whole entry.

    Example: stateward get airline.bookings EHGLP3 --version 2
    """
    with connect(agent) as client:
        entry = client.entries.get(namespace, key, version=version, as_of=time_argument(as_of))
    show(entry, json=json, otherwise=lambda: _value(entry))


def put(
    *,
    namespace: Namespace,
    key: Key,
    value: Annotated[
        str, typer.Argument(help="JSON, @file, or - for standard input.", show_default=False)
    ],
    string: Annotated[bool, typer.Option("--string", help="The value is a plain text.")] = False,
    if_match: IfMatch = None,
    create: Annotated[bool, typer.Option("--create", help="Only if there is none.")] = False,
    ttl: Annotated[
        int | None, typer.Option("--ttl", metavar="SECONDS", help="Expire so long from now.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="May be repeated.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Stays in the history.")] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Write an entry's value.

    Example: stateward put support.notes greeting '{"text": "hello"}'
    """
    content = read_text(value) if string else json_argument(value, what="The value")
    with connect(agent) as client:
        entry = client.entries.put(
            namespace,
            key,
            content,
            if_match=if_match,
            if_none_match="*" if create else None,
            ttl_seconds=UNSET if ttl is None else ttl,
            labels=pairs(label, what="A label") if label else UNSET,
            note=note,
        )
    _wrote(entry, json=json)


def patch(
    *,
    namespace: Namespace,
    key: Key,
    change: Annotated[
        str, typer.Argument(help="JSON, @file, or - for standard input.", show_default=False)
    ],
    if_match: IfMatch = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Change part of a value.

    An object is a merge patch (RFC 7396), an array a JSON Patch (RFC 6902).

    Example: stateward patch airline.bookings EHGLP3 '{"seat": "12A", "meal": null}'
    """
    content = json_argument(change, what="The change")
    with connect(agent) as client:
        change_by = (
            client.entries.json_patch if isinstance(content, list) else client.entries.merge_patch
        )
        entry = change_by(namespace, key, content, if_match=if_match)
    _wrote(entry, json=json)


def act(
    *,
    namespace: Namespace,
    key: Key,
    action: Annotated[str, typer.Argument(help="The action's type.", show_default=False)],
    payload: Annotated[
        str, typer.Argument(help="JSON, @file, or - for standard input.", show_default=False)
    ],
    if_match: IfMatch = None,
    note: Annotated[str | None, typer.Option(help="Stays in the history.")] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Change a reducer's or CRDT's value by an action.

    Example: stateward act airline.calls today increment '{"by": 1}'
    """
    content = json_argument(payload, what="The payload")
    with connect(agent) as client:
        entry = client.entries.act(namespace, key, action, content, if_match=if_match, note=note)
    _wrote(entry, json=json)


def list_entries(
    *,
    namespace: Namespace,
    prefix: Annotated[str | None, typer.Option(help="Only keys that begin so.")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="NAME:VALUE", help="Only entries labelled so.")
    ] = None,
    values: Annotated[bool, typer.Option("--values", help="Show the values too.")] = False,
    as_of: AsOf = None,
    limit: Limit = 100,
    json: Json = False,
    agent: As = None,
) -> None:
    """List a namespace's entries by key.

    Example: stateward list airline.bookings --prefix EH
    """
    with connect(agent) as client:
        found = client.entries.list(
            namespace,
            prefix=prefix,
            label=label,
            values=values,
            as_of=time_argument(as_of),
            page_size=min(limit, 1000),
        )
        entries = list(islice(found, limit + 1))
    shown, more = entries[:limit], len(entries) > limit
    show(shown, json=json, otherwise=lambda: _list(shown, values=values))
    if more:
        render().hint(f"there are more; these are the first {limit} (--limit)")


def history(
    *, namespace: Namespace, key: Key, limit: Limit = 50, json: Json = False, agent: As = None
) -> None:
    """List every change of a key, newest first."""
    with connect(agent) as client:
        found = client.entries.history(namespace, key, page_size=min(limit, 1000))
        revisions = list(islice(found, limit))
    show(
        revisions,
        json=json,
        otherwise=lambda: render().table(
            [">VERSION", "OPERATION", "AT (UTC)", "BY", ">SIZE", "NOTE"],
            (
                (
                    each.version,
                    each.operation,
                    moment(each.at),
                    each.actor,
                    size(each.size_bytes),
                    each.note,
                )
                for each in revisions
            ),
        ),
    )


def diff(
    *,
    namespace: Namespace,
    key: Key,
    start: Annotated[
        str | None,
        typer.Argument(
            metavar="[FROM]", help="A version or a time; default: the version before TO."
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Argument(metavar="[TO]", help="A version or a time; default: the newest.")
    ] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Show what changed between two versions or times. With --json, as a JSON Patch.

    Example: stateward diff airline.bookings EHGLP3 2 5
    """
    since, until = _moment(start), _moment(end)
    with connect(agent) as client:
        if until is None:
            until = client.entries.get(namespace, key).version
        if since is None:
            if isinstance(until, datetime):
                raise typer.BadParameter("a time needs another moment to begin at")
            since = until - 1
        if since == 0:
            raise typer.BadParameter("there is no version before the first")
        found = client.entries.diff(namespace, key, from_version=since, to_version=until)
        before = None
        if not json and found.from_version:
            before = client.entries.get(namespace, key, version=found.from_version).value
    show(
        found,
        json=json,
        otherwise=lambda: render().changes(_changes(found.patch, before)),
    )
    if not json:
        count = len(found.patch)
        told = "1 change" if count == 1 else f"{count} changes"
        render().hint(
            f"{namespace}/{key}: version {found.from_version} to {found.to_version}, {told}"
        )


def rollback(
    *,
    namespace: Namespace,
    key: Key,
    version: Annotated[int, typer.Argument(help="The version to go back to.", show_default=False)],
    if_match: IfMatch = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Write the value of an old version as a new one. Nothing is lost: history goes on."""
    with connect(agent) as client:
        entry = client.entries.rollback(namespace, key, version, if_match=if_match)
    _wrote(entry, json=json)


def delete(
    *,
    namespace: Namespace,
    key: Key,
    if_match: IfMatch = None,
    yes: Yes = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Delete an entry. Its history stays until retention removes it."""
    confirm(f"Delete {namespace}/{key}?", yes=yes)
    with connect(agent) as client:
        client.entries.delete(namespace, key, if_match=if_match)
    done(f"{namespace}/{key} is deleted", {"deleted": True}, json=json)


def _moment(text: str | None) -> int | datetime | None:
    return int(text) if text is not None and text.isdigit() else time_argument(text)


def _value(entry: Entry) -> None:
    screen = render()
    screen.value(entry.value)
    told = [f"version {entry.version}", f"updated {moment(entry.updated_at)} UTC"]
    told += [f"by {entry.updated_by}"] if entry.updated_by else []
    told += [entry.classification] if entry.classification else []
    told += [f"expires {moment(entry.expires_at)} UTC"] if entry.expires_at else []
    screen.hint(" · ".join(told))


def _wrote(entry: WrittenEntry, *, json: bool) -> None:
    how = (
        " (created)"
        if entry.created
        else " (as before: this call was a repeat)"
        if entry.replayed
        else ""
    )
    done(f"{entry.namespace}/{entry.key} is at version {entry.version}{how}", entry, json=json)


def _list(entries: list[Entry], *, values: bool) -> None:
    columns = ["KEY", ">VERSION", "UPDATED (UTC)", "BY", ">SIZE", "EXPIRES (UTC)"]
    render().table(
        [*columns, "VALUE"] if values else columns,
        (
            (
                each.key,
                each.version,
                moment(each.updated_at),
                each.updated_by,
                size(each.size_bytes),
                moment(each.expires_at),
                *([as_json(each.value, indent=None)] if values else []),
            )
            for each in entries
        ),
    )


def _changes(patch: tuple[Mapping[str, Any], ...], before: Any) -> Iterator[tuple[str, str, str]]:
    """(sign, place, what happened). Old values are looked up in the first version: exact for the
    first change of a place, and left out where an operation before it moved things."""
    for operation in patch:
        name, place = operation["op"], operation["path"] or "(value)"
        new = as_json(operation.get("value"), indent=None)
        if name == "add":
            yield "+", place, new
        elif name == "remove":
            yield "-", place, _old(before, operation["path"])
        elif name == "replace":
            yield "~", place, f"{_old(before, operation['path'])} → {new}"
        else:
            yield "~", place, f"{name} from {operation.get('from')}"


def _old(value: Any, path: str) -> str:
    for part in path.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            return "…"
    return as_json(value, indent=None)
