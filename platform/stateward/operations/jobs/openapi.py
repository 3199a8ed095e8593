"""The streams' part of the published OpenAPI document."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

MESSAGE: Document = {
    "type": "object",
    "required": ["id", "state", "is_over", "is_being_cancelled", "done", "total", "stage"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
        "is_over": {"type": "boolean", "description": "The stream ends after such a message."},
        "is_being_cancelled": {"type": "boolean"},
        "done": {"type": "integer"},
        "total": {"type": ["integer", "null"]},
        "stage": {"type": "string"},
        "share": {"type": ["number", "null"]},
        "says": {"type": "string"},
        "heartbeat_at": {"type": ["string", "null"], "format": "date-time"},
        "lines": {
            "type": "array",
            "description": "New lines of the run's log.",
            "items": {"$ref": "#/components/schemas/Line"},
        },
    },
}


def _stream(name: str, summary: str, *parameters: Document) -> Document:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "description": "Server-Sent Events: a message whenever something has changed.",
            "tags": ["jobs"],
            "security": [{"bearer": []}, {"session": []}],
            "parameters": list(parameters),
            "responses": {
                "200": {
                    "description": "The stream.",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}},
                }
            },
        }
    }


RUN: Document = {
    "name": "run_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
LAST: Document = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The number of the last line of the log that arrived.",
    "schema": {"type": "integer"},
}
AFTER: Document = {**LAST, "name": "after", "in": "query"}

PATHS: Document = {
    "/api/v1/jobs/events": _stream("follow_job_runs", "The tenant's runs that are not over."),
    "/api/v1/jobs/{run_id}/events": _stream(
        "follow_job_run", "One run to its end.", RUN, AFTER, LAST
    ),
}


def add_streams(result: Document, **_: Any) -> Document:
    """A postprocessing hook of drf-spectacular."""
    result.setdefault("paths", {}).update(PATHS)
    result.setdefault("components", {}).setdefault("schemas", {})["JobRunMessage"] = MESSAGE
    return result
