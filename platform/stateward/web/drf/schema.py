"""How the published OpenAPI 3.1 document describes what all control-plane resources share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:stateward:problem:forbidden"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The request's id."},
        "code": {"type": "string"},
        "decision_id": {"type": "string", "format": "uuid"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, into the body."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "A repeat under the same key answers as the first request did. Kept 24 hours.",
}
LIMITED = {
    "description": "Under a rate limit, or a quota of the day's writes: a problem document.",
    "headers": {
        name: {"description": says, "schema": {"type": kind}}
        for name, says, kind in (
            ("Retry-After", "Seconds until it may succeed.", "integer"),
            ("RateLimit-Policy", "The caller's limits; on every answer to who has any.", "string"),
            ("RateLimit", "Where the caller stands; on every answer to who has any.", "string"),
        )
    },
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
UNSAFE = ("post", "put", "patch", "delete")
Document = dict[str, Any]


class Bearer(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library is untyped here
    target_class = "stateward.web.drf.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> Document:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "sw_<key id>_<secret>"}


class SessionCookie(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "stateward.web.drf.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Document:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "stateward_session",
            "description": "The console's session. Unsafe calls also send X-CSRFToken.",
        }


def add_problems(result: Document, **_: Any) -> Document:
    """A postprocessing hook: every operation may answer a problem document; unsafe ones take an
    Idempotency-Key.
    """
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    for path in result.get("paths", {}).values():
        for method, operation in path.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(method, operation)
    return result


def _complete(method: str, operation: Document) -> None:
    if any("bearer" in way for way in operation.get("security", ())):
        operation["responses"].setdefault("429", LIMITED)
    operation["responses"].setdefault(
        "default",
        {
            "description": "The request was refused or failed.",
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        },
    )
    parameters = operation.setdefault("parameters", [])
    names = {parameter.get("name") for parameter in parameters}
    if method in UNSAFE and IDEMPOTENCY_KEY["name"] not in names:
        parameters.append(IDEMPOTENCY_KEY)
