"""The data plane's part of the published OpenAPI document: one document for both planes."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

JSON = "application/json"
ENTRIES = "/api/v1/namespaces/{namespace}/entries"
ENTRY = ENTRIES + "/{key}"


def _path(name: str, description: str) -> Document:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _query(name: str, kind: str, description: str) -> Document:
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind}}


def _header(name: str, description: str) -> Document:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


NAMESPACE = _path("namespace", "1 to 10 segments joined by '.'")
KEY = _path("key", "1 to 512 characters, percent-encoded")
IF_MATCH = _header("If-Match", 'The version the change is meant for, as "<version>".')
IF_NONE_MATCH = _header("If-None-Match", "* on a write: only if there is no entry.")
KNOWN = _header("Stateward-Schema-Version", "The version of the namespace's schema that you know.")
LIMIT = _query("limit", "integer", "1 to 1000, by default 100.")
CURSOR = _query("cursor", "string", "Where the page begins: next_cursor of the page before.")

NULLABLE_TIME = {"type": ["string", "null"], "format": "date-time"}
TIME = {"type": "string", "format": "date-time"}
LABELS = {
    "type": "object",
    "additionalProperties": {"type": "string", "maxLength": 255},
    "maxProperties": 32,
}
PRINCIPAL = {
    "type": "object",
    "required": ["type", "id", "name"],
    "properties": {
        "type": {"enum": ["agent", "member", "system"]},
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string"},
    },
}
PATCH_DOCUMENT = {"type": "array", "items": {"type": "object"}, "description": "RFC 6902."}
SCHEMAS: Document = {
    "Principal": PRINCIPAL,
    "Entry": {
        "type": "object",
        "required": ["namespace", "key", "version", "created_at", "updated_at", "updated_by",
                     "expires_at",
                     "labels", "size_bytes", "classification"],
        "properties": {
            "namespace": {"type": "string"},
            "key": {"type": "string"},
            "value": {"description": "Any JSON; left out with values=false."},
            "version": {"type": "integer", "minimum": 1},
            "created_at": TIME,
            "updated_at": TIME,
            "updated_by": {"$ref": "#/components/schemas/Principal"},
            "expires_at": NULLABLE_TIME,
            "labels": LABELS,
            "size_bytes": {"type": "integer"},
            "classification": {"enum": ["public", "internal", "confidential", "restricted"]},
            "masked": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Pointers of what is masked for you; left out where nothing is.",
            },
        },
    },
    "EntryPut": {
        "type": "object",
        "required": ["value"],
        "additionalProperties": False,
        "properties": {
            "value": {"description": "Any JSON up to 1 MiB."},
            "ttl_seconds": {"type": ["number", "null"], "exclusiveMinimum": 0},
            "labels": {**LABELS, "type": ["object", "null"]},
            "note": {"type": ["string", "null"], "maxLength": 1000},
        },
    },
    "Revision": {
        "type": "object",
        "required": ["version", "operation", "actor", "at", "note", "size_bytes", "value_hash"],
        "properties": {
            "version": {"type": "integer"},
            "operation": {"enum": ["put", "patch", "action", "delete", "rollback", "expire"]},
            "actor": {"$ref": "#/components/schemas/Principal"},
            "at": TIME,
            "note": {"type": ["string", "null"]},
            "size_bytes": {"type": "integer"},
            "value_hash": {"type": ["string", "null"], "description": "Keyed SHA-256, hex."},
            "labels": LABELS,
            "expires_at": NULLABLE_TIME,
            "run": {"type": ["string", "null"]},
        },
    },
    "Diff": {
        "type": "object",
        "required": ["from", "to", "patch"],
        "properties": {
            "from": {"type": "integer"},
            "to": {"type": "integer"},
            "patch": {"type": "array", "items": {"type": "object"}, "description": "RFC 6902."},
        },
    },
}  # fmt: skip

_OPERATION = {
    "op": {"type": "string"},
    "key": {"type": "string", "minLength": 1, "maxLength": 512},
    "namespace": {"type": "string", "description": "Where, if not in the path's namespace."},
    "if_version": {"type": "integer", "minimum": 1, "description": "Only at this version."},
    "if_absent": {"type": "boolean", "description": "true: only if there is no entry."},
    "fencing_token": {"type": "integer", "description": "Of the lease on the key."},
}
_NOTE = {"note": {"type": ["string", "null"], "maxLength": 1000}}


def _kind(op: str, properties: Document, *required: str) -> Document:
    return {
        "type": "object",
        "required": ["op", "key", *required],
        "additionalProperties": False,
        "properties": {**_OPERATION, "op": {"const": op}, **properties},
    }


SCHEMAS |= {
    "Operation": {
        "oneOf": [
            _kind("put", SCHEMAS["EntryPut"]["properties"], "value"),
            _kind("patch", {"merge_patch": {"description": "RFC 7396; this or json_patch."},
                            "json_patch": PATCH_DOCUMENT, **_NOTE}),
            _kind("action", {"type": {"type": "string"}, "payload": {}, **_NOTE},
                  "type", "payload"),
            _kind("delete", _NOTE),
            _kind("check", {}),
        ],
    },
    "OperationResult": {
        "type": "object",
        "description": "After put, patch and action with the members of the entry.",
        "required": ["op", "status", "namespace", "key", "version"],
        "properties": {
            **SCHEMAS["Entry"]["properties"],
            "op": {"enum": ["put", "patch", "action", "delete", "check"]},
            "status": {"enum": [200, 201, 204]},
            "version": {"type": ["integer", "null"], "description": "null: a check found none."},
        },
    },
}  # fmt: skip


def _content(schema: str, media_type: str = JSON) -> Document:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _page(schema: str) -> Document:
    return {
        JSON: {
            "schema": {
                "type": "object",
                "required": ["items", "next_cursor"],
                "properties": {
                    "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}},
                    "next_cursor": {"type": ["string", "null"]},
                },
            }
        }
    }


ETAG = {"ETag": {"description": "The version, quoted.", "schema": {"type": "string"}}}
WRITTEN = {
    **ETAG,
    "Idempotency-Replayed": {
        "description": "true when this answers a repeat.",
        "schema": {"type": "string"},
    },
}


def _entry(description: str, headers: Document = ETAG) -> Document:
    return {"description": description, "headers": headers, "content": _content("Entry")}


def _operation(
    name: str, summary: str, parameters: list[Document], responses: Document, **more: Any
) -> Document:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["entries"],
        "security": [{"bearer": []}, {"session": []}],
        "parameters": parameters,
        "responses": responses,
        **more,
    }


def _body(content: Document) -> Document:
    return {"required": True, "content": content}


PATHS: Document = {
    ENTRIES: {
        "get": _operation(
            "list_entries", "A page of entries, by key.",
            [NAMESPACE, _query("prefix", "string", "Only keys that begin so."),
             _query("label", "string", "Only entries labelled name:value."), LIMIT, CURSOR,
             _query("values", "boolean", "false leaves the values out."), KNOWN,
             _query("as_of", "string", "As they were at this RFC 3339 time, or at the position "
                    "that Stateward-As-Of named. Pages stay at that cut.")],
            {"200": {"description": "A page. Of the past with lost, the keys of entries whose "
                     "revision is no longer kept.", "content": _page("Entry"),
                     "headers": {"Stateward-As-Of": {
                         "description": "The cut that was read; only of the past.",
                         "schema": {"type": "string"}}}}},
        ),
    },
    ENTRY: {
        "get": _operation(
            "get_entry", "One entry, now or in the past.",
            [NAMESPACE, KEY, _query("version", "integer", "As it was at this version."),
             _query("as_of", "string", "As it was at this RFC 3339 time."),
             _header("If-None-Match", "304 if still this version."), KNOWN],
            {"200": _entry("The entry."), "304": {"description": "You have this version."}},
        ),
        "put": _operation(
            "put_entry", "Create or replace an entry.",
            [NAMESPACE, KEY, IF_MATCH, IF_NONE_MATCH, KNOWN],
            {"200": _entry("Replaced.", WRITTEN), "201": _entry("Created.", WRITTEN)},
            requestBody=_body(_content("EntryPut")),
        ),
        "patch": _operation(
            "patch_entry", "Change a part of the value.", [NAMESPACE, KEY, IF_MATCH, KNOWN],
            {"200": _entry("Changed.", WRITTEN)},
            requestBody=_body({
                "application/merge-patch+json": {"schema": {"description": "RFC 7396."}},
                "application/json-patch+json": {"schema": PATCH_DOCUMENT},
            }),
        ),
        "delete": _operation(
            "delete_entry", "Remove the value; the history stays.", [NAMESPACE, KEY, IF_MATCH],
            {"204": {"description": "Removed."}},
        ),
    },
    ENTRY + "/revisions": {
        "get": _operation(
            "list_revisions", "The history, newest first.", [NAMESPACE, KEY, LIMIT, CURSOR],
            {"200": {"description": "A page.", "content": _page("Revision")}},
        ),
    },
    ENTRY + "/diff": {
        "get": _operation(
            "diff_entry", "What changed between two versions, or times.",
            [NAMESPACE, KEY,
             {**_query("from", "string", "A version (0: nothing), or a time."), "required": True},
             {**_query("to", "string", "A version, or a time."), "required": True}],
            {"200": {"description": "The difference.", "content": _content("Diff")}},
        ),
    },
    ENTRY + "/actions": {
        "post": _operation(
            "act_on_entry", "Do an action where values change through actions (reducer, crdt).",
            [NAMESPACE, KEY, IF_MATCH, IF_NONE_MATCH],
            {"200": _entry("Done; the entry as it is now.", WRITTEN)},
            requestBody=_body({JSON: {"schema": {
                "type": "object", "required": ["type", "payload"], "additionalProperties": False,
                "properties": {
                    "type": {"type": "string", "description": (
                        "The reducer's name, ADD, COMPLETE or FAIL of a task_list, or what the "
                        "kind of replica knows: increment; add, remove; set, unset; insert, "
                        "delete; apply."
                    )},
                    "payload": {"description": "What the action needs: docs/api.md."},
                    "note": {"type": ["string", "null"], "maxLength": 1000},
                },
            }}}),
        ),
    },
    ENTRY + "/rollback": {
        "post": _operation(
            "roll_back_entry", "Write the value of an old version as a new one.",
            [NAMESPACE, KEY, IF_MATCH,
             _query("dry_run", "boolean", "true writes nothing and answers what would change: "
                    "patch, errors under today's schema, allowed and reason.")],
            {"200": _entry("Written.", WRITTEN)},
            requestBody=_body({JSON: {"schema": {
                "type": "object", "required": ["version"], "additionalProperties": False,
                "properties": {"version": {"type": "integer", "minimum": 1}},
            }}}),
        ),
    },
}  # fmt: skip

PATHS["/api/v1/namespaces/{namespace}/transactions"] = {
    "post": _operation(
        "transact", "Carry out up to 1,000 operations, all or none.", [NAMESPACE],
        {"200": {"description": "All happened, at one time; results in order.",
                 "headers": {"Idempotency-Replayed": WRITTEN["Idempotency-Replayed"]},
                 "content": {JSON: {"schema": {
                     "type": "object", "required": ["results"],
                     "properties": {"results": {
                         "type": "array",
                         "items": {"$ref": "#/components/schemas/OperationResult"}}},
                 }}}}},
        requestBody=_body({JSON: {"schema": {
            "type": "object", "required": ["operations"], "additionalProperties": False,
            "properties": {"operations": {
                "type": "array", "minItems": 1, "maxItems": 1000,
                "items": {"$ref": "#/components/schemas/Operation"}}},
        }}}),
    ),
}  # fmt: skip
PATHS["/api/v1/namespaces/{namespace}/reads"] = {
    "post": _operation(
        "read_entries", "Up to 1,000 entries by key, as of one moment.", [NAMESPACE],
        {"200": {"description": "Those that are there and may be read, in the order asked for.",
                 "content": {JSON: {"schema": {
                     "type": "object", "required": ["items"],
                     "properties": {"items": {
                         "type": "array", "items": {"$ref": "#/components/schemas/Entry"}}},
                 }}}}},
        requestBody=_body({JSON: {"schema": {
            "type": "object", "required": ["keys"], "additionalProperties": False,
            "properties": {
                "keys": {
                    "type": "array", "minItems": 1, "maxItems": 1000,
                    "items": {"oneOf": [
                        {"type": "string"},
                        {"type": "object", "required": ["key"], "additionalProperties": False,
                         "properties": {"namespace": {"type": "string"},
                                        "key": {"type": "string"}}},
                    ]},
                },
                "values": {"type": "boolean", "description": "false leaves the values out."},
            },
        }}}),
    ),
}  # fmt: skip


def _probe(name: str, summary: str, responses: Document, security: list[Document]) -> Document:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["health"],
            "security": security,
            "responses": responses,
        }
    }


PROBES: Document = {
    "/healthz": _probe("healthz", "Is the process alive?", {"200": {"description": "Alive."}}, []),
    "/readyz": _probe(
        "readyz",
        "Do reads and writes work?",
        {
            "200": {"description": "They do; degraded parts are named."},
            "503": {"description": "They do not."},
        },
        [],
    ),
    "/metrics": _probe(
        "metrics",
        "Prometheus metrics.",
        {"200": {"description": "Prometheus text."}},
        [{"bearer": []}],
    ),
}


def add_data_plane(result: Document, **_: Any) -> Document:
    """A postprocessing hook of drf-spectacular: put the data plane's paths beside the control
    plane's.
    """
    result.setdefault("paths", {}).update(PATHS | PROBES)
    result.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)
    return result
