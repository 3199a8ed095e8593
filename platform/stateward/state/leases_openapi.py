"""The published document's part on leases, fencing tokens and proposals."""

from __future__ import annotations

from typing import Any

from stateward.state.openapi import (
    CURSOR,
    ENTRIES,
    ENTRY,
    JSON,
    LIMIT,
    NAMESPACE,
    NULLABLE_TIME,
    TIME,
    Document,
)

LEASES = "/api/v1/namespaces/{namespace}/leases"
PROPOSALS = "/api/v1/namespaces/{namespace}/proposals"
FENCING = {
    "name": "Stateward-Fencing-Token",
    "in": "header",
    "description": "The token of the lease on this key: 412 unless it is the newest granted.",
    "schema": {"type": "string"},
}
HOLDER = {"$ref": "#/components/schemas/Principal"}
NUMBER = {"type": ["integer", "null"]}
SECONDS = {"type": "number", "minimum": 0.1, "maximum": 86_400}
STATE = {"enum": ["open", "committed", "rejected", "withdrawn", "expired"]}
VOTE = {"enum": ["accept", "reject"]}

SCHEMAS: Document = {
    "Lease": {
        "type": "object",
        "required": ["id", "namespace", "key", "fencing_token", "expires_at", "holder"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "namespace": {"type": "string"},
            "key": {"type": "string"},
            "fencing_token": {"type": "integer", "description": "Rises with each grant."},
            "expires_at": TIME,
            "holder": HOLDER,
            "waiting": {"type": "integer", "description": "In lists: how many stand in line."},
        },
    },
    "Leased": {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "required": ["code", "status", "retry_after_seconds", "holder"],
        "properties": {
            "code": {"const": "leased"},
            "status": {"const": 423},
            "retry_after_seconds": {"type": "integer"},
            "holder": {"oneOf": [HOLDER, {"type": "null"}]},
            "expires_at": NULLABLE_TIME,
            "waiting": {"type": "integer"},
        },
    },
    "Proposal": {
        "type": "object",
        "required": ["id", "namespace", "key", "state", "quorum", "voters", "accepted", "rejected",
                     "proposer", "created_at", "expires_at", "ended_at", "version"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "namespace": {"type": "string"},
            "key": {"type": "string"},
            "state": STATE,
            "quorum": {"type": "integer", "minimum": 1},
            "voters": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["agent", "member"]},
                    "id": {"type": "string", "format": "uuid"},
                    "name": {"type": "string"},
                    "vote": {"enum": ["accept", "reject", None]},
                    "at": NULLABLE_TIME,
                },
            }},
            "accepted": {"type": "integer"},
            "rejected": {"type": "integer"},
            "proposer": HOLDER,
            "note": {"type": ["string", "null"]},
            "if_version": NUMBER,
            "size_bytes": {"type": "integer"},
            "created_at": TIME,
            "expires_at": TIME,
            "ended_at": NULLABLE_TIME,
            "version": {**NUMBER, "description": "Of the entry, once it is committed."},
            "value": {"description": "While it is open, to those who may read the entry."},
        },
    },
}  # fmt: skip


def _answer(description: str, schema: str) -> Document:
    media_type = "application/problem+json" if schema == "Leased" else JSON
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _page(schema: str) -> Document:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}
    cursor = {"type": ["string", "null"]}
    page = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {"items": items, "next_cursor": cursor},
    }
    return {"200": {"description": "A page.", "content": {JSON: {"schema": page}}}}


def _takes(required: list[str], **members: Document) -> Document:
    schema = {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": members,
    }
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _operation(
    tag: str, name: str, summary: str, parameters: list[Document], responses: Document, **more: Any
) -> Document:
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "security": [{"bearer": []}, {"session": []}],
        "parameters": [NAMESPACE, *parameters],
        "responses": responses,
        **more,
    }


def _path(description: str) -> Document:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "format": "uuid"},
    }


def _query(name: str, schema: Document, description: str) -> Document:
    return {"name": name, "in": "query", "description": description, "schema": schema}


LEASE_ID, PROPOSAL_ID = _path("The lease."), _path("The proposal.")
REFUSED = {"423": _answer("Somebody else has the lease, or came earlier.", "Leased")}

PATHS: Document = {
    LEASES: {
        "get": _operation(
            "leases", "list_leases", "The leases held now, oldest first.", [LIMIT, CURSOR],
            _page("Lease"),
        ),
        "post": _operation(
            "leases", "acquire_lease", "Have a key to oneself for a while.", [],
            {"201": _answer("Granted.", "Lease"), **REFUSED},
            requestBody=_takes(
                ["key", "ttl_seconds"], key={"type": "string"}, ttl_seconds=SECONDS,
                wait_seconds={"type": "number", "minimum": 0, "maximum": 60,
                              "description": "How long to stand in line, in order of arrival."},
            ),
        ),
    },
    LEASES + "/{id}": {
        "patch": _operation(
            "leases", "renew_lease", "Hold it for so long from now.", [LEASE_ID],
            {"200": _answer("Renewed.", "Lease")},
            requestBody=_takes(["ttl_seconds"], ttl_seconds=SECONDS),
        ),
        "delete": _operation(
            "leases", "release_lease", "Give it back, or end another's.",
            [LEASE_ID, _query("reason", {"type": "string", "maxLength": 500},
                              "Why another's lease is ended.")],
            {"204": {"description": "Over."}},
        ),
    },
    PROPOSALS: {
        "get": _operation(
            "proposals", "list_proposals", "Proposals, newest first, without values.",
            [_query("state", STATE, "Only those in this state."), LIMIT, CURSOR],
            _page("Proposal"),
        ),
        "post": _operation(
            "proposals", "propose", "Have a quorum accept a value before it is written.", [],
            {"201": _answer("Proposed.", "Proposal")},
            requestBody=_takes(
                ["key", "value", "quorum", "voters"],
                key={"type": "string"}, value={"description": "Any JSON up to 1 MiB."},
                quorum={"type": "integer", "minimum": 1},
                voters={"type": "array", "minItems": 1, "maxItems": 100, "items": {
                    "type": ["string", "object"],
                    "description": "An id or name of an agent, an id or address of a member.",
                }},
                expires_in_seconds={"type": "number", "minimum": 0.1, "maximum": 2_592_000,
                                    "default": 86_400},
                note={"type": ["string", "null"], "maxLength": 1000},
                if_version={"type": ["integer", "null"], "minimum": 1},
            ),
        ),
    },
    PROPOSALS + "/{id}": {
        "get": _operation(
            "proposals", "get_proposal", "One proposal; its value is read as the entry's is.",
            [PROPOSAL_ID, _query("values", {"type": "boolean"}, "false leaves the value out.")],
            {"200": _answer("The proposal.", "Proposal")},
        ),
        "delete": _operation(
            "proposals", "withdraw_proposal", "Take one's own proposal back.", [PROPOSAL_ID],
            {"204": {"description": "Withdrawn."}},
        ),
    },
    PROPOSALS + "/{id}/votes": {
        "post": _operation(
            "proposals", "vote", "Accept or reject; the deciding vote writes the value.",
            [PROPOSAL_ID],
            {"200": _answer("Counted.", "Proposal"), **REFUSED},
            requestBody=_takes(["vote"], vote=VOTE),
        ),
    },
}  # fmt: skip


def add_leases(result: Document, **_: Any) -> Document:
    """A postprocessing hook of drf-spectacular, after ``add_data_plane``."""
    paths = result["paths"]
    for place, methods in (
        (ENTRY, ("put", "patch", "delete")),
        (ENTRY + "/rollback", ("post",)),
        (ENTRIES + "/{key}/actions", ("post",)),
    ):
        for method in methods:
            if method in paths.get(place, {}):
                operation = paths[place][method]
                operation["parameters"] = [*operation["parameters"], FENCING]
                operation["responses"] = operation["responses"] | REFUSED
    paths.update(PATHS)
    result["components"]["schemas"].update(SCHEMAS)
    return result
