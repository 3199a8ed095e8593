"""The feed's part of the published OpenAPI document."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

PATH = "/api/v1/changes"
CURSOR: Document = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}

CHANGE: Document = {
    "type": "object",
    "required": [
        "cursor", "namespace", "key", "operation", "version", "actor", "at", "more",
    ],
    "properties": {
        "cursor": {**CURSOR, "description": "Where the change stands; go on after it."},
        "namespace": {"type": "string"},
        "key": {"type": "string"},
        "operation": {"type": "string", "description": "put, patch, delete, rollback, expire, …"},
        "version": {"type": "integer", "minimum": 1},
        "actor": {"$ref": "#/components/schemas/Principal"},
        "at": {"type": "string", "format": "date-time"},
        "more": {
            "type": "boolean",
            "description": "Whether the next change is of the same transaction.",
        },
        "value": {"description": "With values=full, unless the change left none."},
        "patch": {
            "type": "array",
            "items": {"type": "object"},
            "description": "With values=patch: RFC 6902, from the version before. Where that "
            "cannot be said, value is there instead.",
        },
        "masked": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Pointers of what is masked for you; left out where nothing is.",
        },
    },
}  # fmt: skip
PAGE: Document = {
    "type": "object",
    "required": ["items", "next_cursor", "caught_up"],
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Change"}},
        "next_cursor": CURSOR,
        "caught_up": {"type": "boolean", "description": "Whether nothing came after these."},
    },
}


def _query(name: str, schema: Document, description: str) -> Document:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _problem(description: str) -> Document:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


TEXT: Document = {"type": "string"}
PARAMETERS = [
    _query("namespace", TEXT, "Only this namespace."),
    _query("prefix", TEXT, "Only keys that begin so."),
    _query("after", TEXT, "A cursor, or now. Without it from the oldest kept change on."),
    _query(
        "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Of a page."
    ),
    _query(
        "values",
        {"enum": ["none", "full", "patch"], "default": "none"},
        "What of the values comes with the changes.",
    ),
    {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Of a stream that is taken up again; goes before after.",
        "schema": TEXT,
    },
]
PATHS: Document = {
    PATH: {
        "get": {
            "operationId": "list_changes",
            "summary": "Committed changes in their order: a page, or a stream.",
            "description": "With Accept: text/event-stream, Server-Sent Events: each change with "
            "its cursor as id, a heartbeat with the newest cursor every 15 seconds, and a last "
            "event, end, with a problem document once the reader may not follow any more.",
            "tags": ["changes"],
            "security": [{"bearer": []}, {"session": []}],
            "parameters": PARAMETERS,
            "responses": {
                "200": {
                    "description": "Some changes, or the stream.",
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/ChangePage"}},
                        "text/event-stream": {"schema": TEXT},
                    },
                },
                "404": _problem("There is no such namespace, or none you may know of."),
                "410": _problem("The cursor is older than what is kept; see oldest_cursor."),
                "429": _problem("Too many streams are open."),
            },
        }
    }
}


def add_changes(result: Document, **_: Any) -> Document:
    """A postprocessing hook of drf-spectacular."""
    result.setdefault("paths", {}).update(PATHS)
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.update({"Change": CHANGE, "ChangePage": PAGE})
    return result
