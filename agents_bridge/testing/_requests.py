"""A request as the fake server's handlers see it, and the checks they share."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import httpx

from agents_bridge.testing._problems import malformed
from agents_bridge.testing._store import Preconditions

_TAG = re.compile(r'"(\d+)"')


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, taken apart."""

    method: str
    parts: tuple[str, ...]
    query: httpx.QueryParams
    headers: httpx.Headers
    content: bytes

    @classmethod
    def of(cls, request: httpx.Request) -> Asked:
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        return cls(
            request.method,
            tuple(unquote(part) for part in path.strip("/").split("/")),
            request.url.params,
            request.headers,
            request.content,
        )

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip()

    def body(self) -> Any:
        try:
            return json.loads(self.content, object_pairs_hook=_members, parse_constant=_constant)
        except UnicodeDecodeError:
            raise malformed("The body is not UTF-8.") from None
        except ValueError as error:
            raise malformed(f"The JSON is not acceptable: {error}.") from None

    def members(self, *known: str, required: tuple[str, ...] = ()) -> dict[str, Any]:
        """The body as an object of known members; others are refused."""
        body = self.body()
        if not isinstance(body, dict):
            raise malformed("The body is not an object.")
        for name in body:
            if name not in known:
                raise malformed("The body has a member that is not known here.", f"/{name}")
        for name in required:
            if name not in body:
                raise malformed("The body lacks a member.", f"/{name}")
        return body

    def demands(self) -> Preconditions:
        """``If-Match``, ``If-None-Match: *`` and the fencing token."""
        return Preconditions(
            if_match=self._tag("if-match"),
            only_if_absent=self.headers.get("if-none-match") == "*",
            fencing_token=self.headers.get("stateward-fencing-token"),
        )

    def known_version(self) -> int | None:
        """The version in ``If-None-Match``, for a read."""
        return self._tag("if-none-match")

    def _tag(self, name: str) -> int | None:
        text = self.headers.get(name)
        if text is None or (name == "if-none-match" and text == "*"):
            return None
        match = _TAG.fullmatch(text)
        if match is None:
            raise malformed(f'{name} takes a version in double quotes, as "7".')
        return int(match[1])

    def integer(self, name: str) -> int | None:
        text = self.query.get(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit():
            raise malformed(f"{name} takes a number.")
        return int(text)

    def moment(self, name: str) -> datetime | None:
        text = self.query.get(name)
        if text is None:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise malformed(f"{name} takes an RFC 3339 time.") from None


def page(items: list[Any], asked: Asked) -> dict[str, Any]:
    """One page of ``items``, each with its place in the list as cursor."""
    limit = asked.integer("limit")
    if limit is None:
        limit = 100
    if not 1 <= limit <= 1000:
        raise malformed("limit is 1 to 1000.")
    start = position_of(asked.query.get("cursor"))
    chosen = items[start : start + limit]
    more = start + limit < len(items)
    return {"items": chosen, "next_cursor": cursor_at(start + limit) if more else None}


def cursor_at(position: int) -> str:
    """The cursor of a place in a list."""
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def position_of(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise malformed("This is not a cursor.") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
