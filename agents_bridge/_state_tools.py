"""What a model may do to state: five tools, described once, carried out once, offered to each
framework in its own shape.

A model's call is untrusted. The namespaces it may name are fixed by the program that offers the
tools and checked here, whatever the schema said to the model; every call then passes the server's
policy like any other. What goes back is always one JSON object: ``{"ok": true, ...}``, or
``{"ok": false, "error": {"code", "message", ...}}``. An error never carries the address, the key or
what a library said of the connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents_bridge import _entries
from agents_bridge._errors import (
    ApiError,
    Forbidden,
    InvalidKey,
    PreconditionFailed,
    StatewardError,
    TimedOut,
)
from agents_bridge._models import Entry
from agents_bridge._session import Session
from agents_bridge._wire import Flow

MOST_LISTED = 100
MOST_SHOWN = 100_000
_PREVIEW = 2_000

Kind = Literal["string", "integer", "json"]
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a tool. ``json`` is any JSON value, in whatever form a framework can take
    it.
    """

    name: str
    kind: Kind
    description: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class StateTool:
    """One tool: what the model is told of it, and the flow that carries it out."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    flow: Callable[[Session, Arguments], Flow[dict[str, Any]]]


class InvalidArguments(ValueError):
    """The arguments do not fit the tool."""


def perform(
    session: Session,
    tool: StateTool,
    namespaces: Sequence[str],
    arguments: Any,
) -> Flow[dict[str, Any]]:
    """Carry out one call of ``tool``; whatever goes wrong becomes the answer."""
    try:
        checked = _checked(tool, namespaces, arguments)
        result = yield from tool.flow(session, checked)
    except StatewardError as error:
        return failure(session, error)
    except ValueError as error:  # ours, or JSON's for what it does not have, such as NaN
        return _failed(session, "invalid_arguments", str(error))
    return {"ok": True, **result}


def failure(session: Session, error: StatewardError) -> dict[str, Any]:
    """What the model is told of an error, so that it can do better."""
    if isinstance(error, ApiError):
        return _failed(session, error.code, error.detail, **_particulars(error))
    if isinstance(error, InvalidKey):
        return _failed(session, "invalid_key", str(error))
    code = "timed_out" if isinstance(error, TimedOut) else "unreachable"
    return _failed(session, code, "The state server gave no usable answer; try again later.")


def unknown_tool(session: Session, name: str) -> dict[str, Any]:
    return _failed(session, "unknown_tool", f"There is no tool {name[:60]!r}.")


def _failed(session: Session, code: str, message: str, **more: Any) -> dict[str, Any]:
    key = session.settings.api_key
    if key and key in message:
        message = message.replace(key, "[key]")
    return {"ok": False, "error": {"code": code, "message": message, **more}}


def _particulars(error: ApiError) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if error.errors:
        found["errors"] = [
            {"pointer": fault.pointer, "message": fault.message} for fault in error.errors
        ]
    if isinstance(error, PreconditionFailed):
        found["current_version"] = error.current_version
    if isinstance(error, Forbidden):
        found |= {"decision_id": error.decision_id, "reason": error.reason}
    if error.retry_after is not None:
        found["retry_after_seconds"] = error.retry_after
    return found


def _checked(tool: StateTool, namespaces: Sequence[str], arguments: Any) -> Arguments:
    if not isinstance(arguments, Mapping):
        raise InvalidArguments("The arguments must be a JSON object.")
    unknown = sorted(set(arguments) - {parameter.name for parameter in tool.parameters})
    if unknown:
        raise InvalidArguments(f"{tool.name} has no argument {unknown[0]!r}.")
    for parameter in tool.parameters:
        _check_kind(parameter, parameter.name in arguments, arguments.get(parameter.name))
    if arguments["namespace"] not in namespaces:
        raise InvalidArguments(f"namespace must be one of: {', '.join(namespaces)}.")
    return {parameter.name: arguments.get(parameter.name) for parameter in tool.parameters}


def _check_kind(parameter: Parameter, is_given: bool, value: Any) -> None:
    if parameter.kind == "json":
        if not is_given:
            raise InvalidArguments(f"{parameter.name} is missing.")
        return
    if value is None:
        if not parameter.is_optional:
            raise InvalidArguments(f"{parameter.name} is missing.")
        return
    wanted = str if parameter.kind == "string" else int
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise InvalidArguments(f"{parameter.name} must be a {parameter.kind}.")


def _get(session: Session, given: Arguments) -> Flow[dict[str, Any]]:
    entry = yield from _entries.get(
        session, given["namespace"], given["key"], version=given["version"]
    )
    return {**_described(entry), **_bounded(entry.value)}


def _put(session: Session, given: Arguments) -> Flow[dict[str, Any]]:
    version = given["if_version"]
    entry = yield from _entries.put(
        session,
        given["namespace"],
        given["key"],
        given["value"],
        if_match=version or None,
        if_none_match="*" if version == 0 else None,
        note=given["note"],
    )
    return {"key": entry.key, "version": entry.version, "created": entry.created}


def _patch(session: Session, given: Arguments) -> Flow[dict[str, Any]]:
    entry = yield from _entries.merge_patch(
        session,
        given["namespace"],
        given["key"],
        given["patch"],
        if_match=given["if_version"],
    )
    return {**_described(entry), **_bounded(entry.value)}


def _list(session: Session, given: Arguments) -> Flow[dict[str, Any]]:
    listing = _entries.list(
        session,
        given["namespace"],
        prefix=given["prefix"],
        values=False,
        page_size=_page_size(given),
    )
    page = yield from listing.page(given["cursor"])
    return {
        "entries": [_described(entry) for entry in page.items],
        "next_cursor": page.next_cursor,
    }


def _history(session: Session, given: Arguments) -> Flow[dict[str, Any]]:
    listing = _entries.history(
        session, given["namespace"], given["key"], page_size=_page_size(given)
    )
    page = yield from listing.page(given["cursor"])
    revisions = [
        {
            "version": revision.version,
            "operation": revision.operation,
            "at": revision.at.isoformat(),
            "by": str(revision.actor) if revision.actor else None,
            "note": revision.note,
        }
        for revision in page.items
    ]
    return {"revisions": revisions, "next_cursor": page.next_cursor}


def _page_size(given: Arguments) -> int:
    return min(max(given["limit"] or MOST_LISTED, 1), MOST_LISTED)


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "version": entry.version,
        "updated_at": entry.updated_at.isoformat() if entry.updated_at else None,
        "updated_by": str(entry.updated_by) if entry.updated_by else None,
    }


def _bounded(value: Any) -> dict[str, Any]:
    """The value, or its beginning: a model's context must not be filled by one entry."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= MOST_SHOWN:
        return {"value": value}
    return {"too_large": True, "characters": len(text), "begins": text[:_PREVIEW]}


_NAMESPACE = Parameter("namespace", "string", "The namespace the entry is in.")
_KEY = Parameter("key", "string", "The entry's key: 1 to 512 characters without '/'.")
_IF_VERSION = Parameter(
    "if_version",
    "integer",
    "Write only if the entry is at this version; null to write whatever is there.",
    is_optional=True,
)
_LIMIT = Parameter("limit", "integer", f"How many, at most {MOST_LISTED}.", is_optional=True)
_CURSOR = Parameter(
    "cursor", "string", "The next_cursor of the page before; null to begin.", is_optional=True
)

TOOLS: tuple[StateTool, ...] = (
    StateTool(
        "state_get",
        "Read an entry of the governed state: its value and version, now or at an old version.",
        (
            _NAMESPACE,
            _KEY,
            Parameter(
                "version", "integer", "An old version; null for the present one.", is_optional=True
            ),
        ),
        _get,
    ),
    StateTool(
        "state_put",
        "Write the whole value of an entry. The old value stays in its history.",
        (
            _NAMESPACE,
            _KEY,
            Parameter("value", "json", "The value to store."),
            Parameter(
                "if_version",
                "integer",
                "Write only if the entry is at this version; 0: only if there is none; null: "
                "whatever is there.",
                is_optional=True,
            ),
            Parameter("note", "string", "Why, for the history.", is_optional=True),
        ),
        _put,
    ),
    StateTool(
        "state_patch",
        "Change members of an entry's value by a merge patch (RFC 7396): members given replace, "
        "null removes, the rest stays.",
        (_NAMESPACE, _KEY, Parameter("patch", "json", "The merge patch."), _IF_VERSION),
        _patch,
    ),
    StateTool(
        "state_list",
        "List the keys of a namespace in order, with versions and without values.",
        (
            _NAMESPACE,
            Parameter("prefix", "string", "Only keys that begin so.", is_optional=True),
            _LIMIT,
            _CURSOR,
        ),
        _list,
    ),
    StateTool(
        "state_history",
        "List the changes of an entry, newest first: who changed it when, and why.",
        (_NAMESPACE, _KEY, _LIMIT, _CURSOR),
        _history,
    ),
)
BY_NAME: Mapping[str, StateTool] = {tool.name: tool for tool in TOOLS}


def chosen(names: Sequence[str] | None) -> tuple[StateTool, ...]:
    """The tools of these names, or all of them. ValueError for a name that is none."""
    if names is None:
        return TOOLS
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise ValueError(f"there is no tool {unknown[0]!r}; there are: {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in names)


def checked_namespaces(namespaces: Sequence[str]) -> tuple[str, ...]:
    """The namespaces a model may name. ValueError where there are none, or a text was meant as
    one.
    """
    if isinstance(namespaces, str) or not namespaces:
        raise ValueError("name the namespaces the model may use: namespaces=['support.notes']")
    return tuple(dict.fromkeys(namespaces))
