"""The change feed: what was committed, in its order, page by page or as it happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, Unpack

from agents_bridge._bind import Listing
from agents_bridge._build import MOMENT, Model, raw
from agents_bridge._errors import ApiError, TransportFailure, UnexpectedResponse, api_error
from agents_bridge._models import PRINCIPAL, Page, Principal
from agents_bridge._retry import is_worth_repeating
from agents_bridge._session import API, Session, refusal
from agents_bridge._wire import CallOptions, Flow, Request, Response, query_string

Values: TypeAlias = Literal["none", "full", "patch"]

PATH = f"{API}/changes"
NOW: Final = "now"
SILENCE_SECONDS = 50.0  # three heartbeats: a stream without one is dead


@dataclass(frozen=True, slots=True)
class Change(Model):
    """One committed change of an entry."""

    namespace: str
    key: str
    operation: str
    """``put``, ``patch``, ``delete``, ``rollback``, ``expire``, ``purge`` or what else a write was.
    """
    version: int
    cursor: str
    """Where it stands in the feed: go on with ``after=change.cursor``."""
    more: bool = False
    """Whether the next change was made by the same transaction. A follower that applies
    transactions whole keeps the cursor of the last change without it."""
    at: datetime | None = field(default=None, metadata=MOMENT)
    actor: Principal | None = field(default=None, metadata=PRINCIPAL)
    value: Any = None
    """With ``values="full"``; see ``has_value``."""
    patch: list[dict[str, Any]] | None = None
    """With ``values="patch"``: RFC 6902, from the version before to this one. Where that cannot be
    said, ``value`` is there instead."""
    raw: Mapping[str, Any] = raw()

    @property
    def has_value(self) -> bool:
        """Whether ``value`` is the value: it is not after a delete, nor where it was purged."""
        return "value" in self.raw


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes; ``next_cursor`` is always there, also at the end."""

    items: tuple[Change, ...]
    next_cursor: str
    caught_up: bool
    """Whether there was nothing after it."""


@dataclass(frozen=True, slots=True)
class ChangeListing(Listing[Change]):
    """The feed as a list: it ends where nothing more was there."""

    after: str | None = None

    def page(self, cursor: str | None) -> Flow[Page[Change]]:
        found = yield from _page(
            self.session, {**self.query, "after": cursor or self.after}, self.options
        )
        return Page(found.items, None if found.caught_up else found.next_cursor)


def page(
    session: Session,
    *,
    namespace: str | None = None,
    prefix: str | None = None,
    after: str | None = None,
    limit: int | None = None,
    values: Values = "none",
    **options: Unpack[CallOptions],
) -> Flow[ChangePage]:
    """Changes after a cursor, from the oldest kept one on without one; ``after="now"`` gives the
    cursor of now. Raises Gone where the cursor is older than what is kept
    (``error.problem["oldest_cursor"]``).

    >>> start = client.changes.page(after="now").next_cursor
    >>> _ = client.entries.put("notes", "door", "open")
    >>> page = client.changes.page(after=start, values="full")
    >>> [(change.key, change.value) for change in page.items]
    [('door', 'open')]
    """
    query = _query(namespace, prefix, values) | {"after": after, "limit": limit}
    return (yield from _page(session, query, options))


def list(
    session: Session,
    *,
    namespace: str | None = None,
    prefix: str | None = None,
    after: str | None = None,
    values: Values = "none",
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Change]:
    """All changes there are, oldest first, and then no more.

    >>> start = client.changes.page(after="now").next_cursor
    >>> for word in ("one", "two"):
    ...     _ = client.entries.put("notes", "word", word)
    >>> [change.operation for change in client.changes.list(after=start)]
    ['put', 'put']
    """
    query = _query(namespace, prefix, values) | {"limit": page_size}
    return ChangeListing(session, PATH, query, Change.build, options, after)


class Following:
    """A stream and how it goes on after an interruption; free of I/O."""

    def __init__(
        self,
        session: Session,
        query: Mapping[str, Any],
        after: str | None,
        options: CallOptions,
    ) -> None:
        self._session = session
        self._query = dict(query)
        self._options = options
        self.cursor = after
        self._failures = 0
        self._bytes = b""

    def request(self) -> Request:
        """What to ask for next."""
        self._bytes = b""
        headers = self._session.headers("GET", self._options) | {"Accept": "text/event-stream"}
        query = {**self._query, "after": self.cursor}
        return Request(
            "GET",
            self._session.settings.base_url + PATH + query_string(query),
            headers,
            None,
            SILENCE_SECONDS,
        )

    def refused(self, response: Response) -> float:
        """Seconds to wait after a stream that did not begin; raises what is no use to repeat."""
        error = refusal(response)
        if isinstance(error, ApiError) and is_worth_repeating(error.status, error.code):
            return max(self.interrupted(), error.retry_after or 0.0)
        raise error

    def interrupted(self, error: TransportFailure | None = None) -> float:
        """Seconds to wait before coming again."""
        if isinstance(error, UnexpectedResponse):
            raise error
        self._failures += 1
        return self._session.spread(self._failures) + min(5.0, 0.05 * 2.0**self._failures)

    def receive(self, piece: bytes) -> Iterator[Change]:
        """The changes that a piece of the stream completes; raises why it ends for good."""
        self._bytes += piece.replace(b"\r\n", b"\n")
        while b"\n\n" in self._bytes:
            text, _, self._bytes = self._bytes.partition(b"\n\n")
            yield from self._event(text.decode())

    def _event(self, text: str) -> Iterator[Change]:
        fields: dict[str, str] = {}
        for line in text.split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
        if "data" not in fields:
            return
        document = Response(200, {}, fields["data"].encode()).document()
        kind = fields.get("event", "message")
        if kind == "end":
            raise api_error(int(document.get("status", 500)), document)
        self._failures = 0
        if kind == "message":
            # The cursor is taken as soon as the change is handed out: whoever stops here goes on
            # after it.
            self.cursor = fields.get("id", self.cursor)
            yield Change.build(document)
        elif "id" in fields:
            self.cursor = fields["id"]


def following(
    session: Session,
    *,
    namespace: str | None,
    prefix: str | None,
    after: str | None,
    values: Values,
    options: CallOptions,
) -> Following:
    return Following(session, _query(namespace, prefix, values), after, options)


def _page(session: Session, query: Mapping[str, Any], options: CallOptions) -> Flow[ChangePage]:
    response = yield from session.call("GET", PATH, options, query=query)
    document = response.document()
    try:
        items, cursor = document["items"], document["next_cursor"]
    except KeyError as missing:
        raise UnexpectedResponse(f"The answer holds no changes: {missing} is missing.") from None
    found = tuple(Change.build(item) for item in items)
    return ChangePage(found, cursor, bool(document.get("caught_up")))


def _query(namespace: str | None, prefix: str | None, values: Values) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "prefix": prefix or None,
        "values": None if values == "none" else values,
    }
