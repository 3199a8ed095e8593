"""A body in chunks is read like any other."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from stateward.web.chunks import accept_chunks
from stateward.web.drf.parsers import MAX_BODY_BYTES


def seen(body: bytes, **environ: str) -> tuple[str | None, bytes]:
    told: list[tuple[str | None, bytes]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        told.append((environ.get("CONTENT_LENGTH"), environ["wsgi.input"].read()))
        return []

    accept_chunks(application)({"wsgi.input": BytesIO(body), **environ}, lambda *_: None)
    return told[0]


@pytest.mark.parametrize("encoding", ["chunked", "Chunked", "gzip, chunked"])
def test_the_length_of_a_chunked_body_is_told(encoding: str) -> None:
    assert seen(b'{"a":1}', HTTP_TRANSFER_ENCODING=encoding) == ("7", b'{"a":1}')


def test_one_that_is_too_long_is_told_as_too_long() -> None:
    length, _ = seen(b"x" * (MAX_BODY_BYTES + 100), HTTP_TRANSFER_ENCODING="chunked")

    assert length == str(MAX_BODY_BYTES + 1)


def test_other_bodies_are_left_alone() -> None:
    assert seen(b"abc") == (None, b"abc")
    both = seen(b"abc", CONTENT_LENGTH="3", HTTP_TRANSFER_ENCODING="chunked")
    assert both == ("3", b"abc")
