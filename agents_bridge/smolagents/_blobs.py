"""What is too large for a step's entry, or is not text: kept beside it under its hash.

Content under its own hash needs no version: writing it twice writes the same. It is written before
the entry that names it, so that no entry ever names what is not there.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from agents_bridge._client import Client
from agents_bridge._errors import PreconditionFailed

_PART = 700_000  # characters of base64, well below an entry's 1 MiB
MARK = "$blob"


class Blobs:
    """The blobs of one run."""

    def __init__(self, client: Client, namespace: str, prefix: str) -> None:
        self._entries = client.entries
        self._namespace = namespace
        self._prefix = prefix

    def keep(self, content: bytes, media_type: str) -> dict[str, Any]:
        """Store the content; what stands for it in an entry."""
        name = hashlib.sha256(content).hexdigest()
        text = base64.b64encode(content).decode()
        parts = [text[start : start + _PART] for start in range(0, len(text), _PART)] or [""]
        for number, part in enumerate(parts):
            try:
                self._entries.put(
                    self._namespace,
                    self._key(name, number),
                    {"media_type": media_type, "base64": part},
                    if_none_match="*",
                )
            except PreconditionFailed:
                continue  # the same content is there already
        return {
            MARK: name,
            "media_type": media_type,
            "size_bytes": len(content),
            "parts": len(parts),
        }

    def fetch(self, reference: dict[str, Any]) -> bytes:
        """The content a reference stands for. ValueError where it is not what was stored."""
        name = reference[MARK]
        parts = [
            self._entries.get(self._namespace, self._key(name, number)).value["base64"]
            for number in range(reference["parts"])
        ]
        content = base64.b64decode("".join(parts))
        if hashlib.sha256(content).hexdigest() != name:
            raise ValueError(f"the recorded content {name[:12]}… is not what its hash says")
        return content

    def _key(self, name: str, number: int) -> str:
        return f"{self._prefix}{name}:{number}"
