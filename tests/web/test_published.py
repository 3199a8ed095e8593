"""The published document is what was meant to be published."""

from __future__ import annotations

from typing import Any

from tests.web.published import FILE, lines
from tests.web.written import document

RENEW = "If that is meant: make document, and say so in CHANGELOG.md."


def test_the_document_is_unchanged_unless_meant() -> None:
    now = set(lines(document()))
    agreed = set(FILE.read_text(encoding="utf-8").splitlines())

    gone = sorted(agreed - now)
    added = sorted(now - agreed)

    assert not gone, "\n".join([f"No longer published. {RENEW}", *gone])
    assert not added, "\n".join([f"Not agreed on. {RENEW}", *added])


def test_its_lines_tell_each_change_apart() -> None:
    """What would break a caller changes a line; prose does not."""
    small: dict[str, Any] = {
        "paths": {
            "/x": {
                "get": {
                    "operationId": "get_x",
                    "description": "Prose.",
                    "parameters": [{"in": "query", "name": "limit"}],
                    "responses": {"200": {"content": {"application/json": {"schema": {
                        "$ref": "#/components/schemas/X"}}}}, "204": {}},
                }
            }
        },
        "components": {"schemas": {"X": {"required": ["id"], "properties": {
            "id": {"type": "string", "format": "uuid"},
            "tags": {"type": "array", "items": {"type": "string"}}}}}},
    }  # fmt: skip

    assert lines(small) == [
        "get_x GET /x",
        "get_x answers 200 application/json X",
        "get_x answers 204",
        "get_x may have query limit",
        "schema X.id string-uuid always",
        "schema X.tags array of string",
    ]
