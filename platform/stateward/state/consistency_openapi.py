"""Levels of consistency in the published document: every read of the data plane may ask for one,
every write answers a token.
"""

from __future__ import annotations

from typing import Any

from stateward.state.dataplane.plane import is_ours

Document = dict[str, Any]

LEVEL: Document = {
    "name": "Stateward-Consistency",
    "in": "header",
    "description": (
        "strong: the newest. session: at least what the token stands for. eventual: any replica's"
        " or cache's."
    ),
    "schema": {"type": "string", "enum": ["strong", "session", "eventual"], "default": "strong"},
}
TOKENS: Document = {
    "name": "Stateward-Consistency-Token",
    "in": "header",
    "description": "One token or several, joined by commas: what a session read must have.",
    "schema": {"type": "string"},
}
TOKEN: Document = {
    "Stateward-Consistency-Token": {
        "description": "Stands for this answer; opaque, of A-Za-z0-9_-.",
        "schema": {"type": "string"},
    }
}


def add_consistency(result: Document, **_: Any) -> Document:
    """A postprocessing hook of drf-spectacular, after the one that adds the data plane's paths."""
    for path, operations in result.get("paths", {}).items():
        if not is_ours(path.encode()):
            continue
        for method, operation in operations.items():
            if method == "get":
                operation["parameters"] = [*operation.get("parameters", ()), LEVEL, TOKENS]
            for status, response in operation.get("responses", {}).items():
                if status.startswith("2"):
                    response["headers"] = response.get("headers", {}) | TOKEN
    return result
