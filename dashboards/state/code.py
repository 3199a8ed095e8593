"""How a program reads what a page shows, in three ways that can be pasted."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    title: str
    text: str


def samples(namespace: str, key: str | None) -> list[Sample]:
    """Reading one entry, or the namespace's keys where there is no ``key``."""
    path = f"/api/v1/namespaces/{namespace}/entries"
    if key is not None:
        path += f"/{quote(key, safe='')}"
    curl = f'curl -H "Authorization: Bearer $STATEWARD_API_KEY" \\\n  "$STATEWARD_URL{path}"'
    return [
        Sample("curl", "curl", curl),
        Sample("python", "Python", _python(namespace, key)),
        Sample("cli", "CLI", _cli(namespace, key)),
    ]


def _python(namespace: str, key: str | None) -> str:
    begin = "from agents_bridge import Client\n\nwith Client() as client:\n"
    where = json.dumps(namespace)
    if key is None:
        return f"{begin}    for entry in client.entries.list({where}):\n        print(entry.key)"
    return (
        f"{begin}    entry = client.entries.get({where}, {json.dumps(key)})\n    print(entry.value)"
    )


def _cli(namespace: str, key: str | None) -> str:
    if key is None:
        return f"stateward list {namespace}"
    return f"stateward get {namespace} {shlex.quote(key)}"
