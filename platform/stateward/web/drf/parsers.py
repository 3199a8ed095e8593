"""JSON in, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from stateward.kernel import strictjson

MAX_BODY_BYTES = 8 * 1024 * 1024


class StrictJSONParser(BaseParser):
    """RFC 8259 as ``kernel/strictjson`` reads it, at most 8 MiB; each refusal has its pointer."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return strictjson.loads(stream.read(MAX_BODY_BYTES + 1), max_bytes=MAX_BODY_BYTES)
