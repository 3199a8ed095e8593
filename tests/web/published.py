"""The published document in lines, one for each operation, parameter and member.

``python -m tests.web.published`` writes them down; ``make document`` calls it. A line is merged
without a conflict where two people add operations of different names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.txt")


def lines(document: dict[str, Any]) -> list[str]:
    """What callers rely on: names, places, what is needed, what is answered. No prose."""
    found = {*_operations(document), *_members(document)}
    return sorted(found)


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if not isinstance(one, dict) or "operationId" not in one:
                continue
            name = one["operationId"]
            yield f"{name} {method.upper()} {path}"
            for parameter in one.get("parameters", []):
                needed = "needs" if parameter.get("required") else "may have"
                yield f"{name} {needed} {parameter['in']} {parameter['name']}"
            for kind, content in one.get("requestBody", {}).get("content", {}).items():
                yield f"{name} takes {kind} {_said(content.get('schema', {}))}"
            for status, answer in one["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    yield f"{name} answers {status} {kind} {_said(content.get('schema', {}))}"
                if not answer.get("content"):
                    yield f"{name} answers {status}"


def _members(document: dict[str, Any]) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        needed = set(schema.get("required", []))
        if "enum" in schema:
            yield f"schema {name} is one of {' '.join(map(str, schema['enum']))}"
        for member, one in schema.get("properties", {}).items():
            yield f"schema {name}.{member} {_said(one)}{' always' if member in needed else ''}"


def _said(schema: dict[str, Any]) -> str:
    """The shape in a word or a few."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    for joined in ("allOf", "oneOf", "anyOf"):
        if joined in schema:
            return "|".join(sorted({_said(part) for part in schema[joined]}))
    kind = schema.get("type", "any")
    kind = "|".join(sorted(kind)) if isinstance(kind, list) else kind
    if "items" in schema:
        return f"{kind} of {_said(schema['items'])}"
    return "-".join(filter(None, (kind, schema.get("format"))))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.test")
    import django  # noqa: PLC0415  # after its settings are named

    django.setup()
    from tests.web.written import document  # noqa: PLC0415  # needs Django

    FILE.write_text("\n".join(lines(document())) + "\n", encoding="utf-8")
    print(f"{FILE.name} says what is published now.")


if __name__ == "__main__":
    sys.path[:0] = ["platform", "."]
    main()
