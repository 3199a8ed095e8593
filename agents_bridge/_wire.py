"""What goes over the wire and what comes back, free of I/O and of any HTTP library.

A call to the server is a *flow*: a generator that yields the effects below and is sent their
results. ``Client`` and ``AsyncClient`` differ only in how they carry out an effect; everything else
is written once.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias, TypedDict, TypeVar
from urllib.parse import quote, urlencode

from agents_bridge._errors import InvalidKey, UnexpectedResponse

T = TypeVar("T")

Consistency: TypeAlias = Literal["strong", "session", "eventual"]


class Unset(Enum):
    """The type of ``UNSET``, which means: leave it as it is. ``None`` means: clear it."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


class CallOptions(TypedDict, total=False):
    """What every call takes besides its own arguments; each one overrides the client's own
    setting.
    """

    purpose: str | None
    """Why the data is touched; policies and the audit see it."""
    run: str | None
    """Groups the calls of one agent run."""
    on_behalf_of: str | None
    """The principal this is done for, ``member:<id>`` or ``agent:<id>``; both must be allowed."""
    timeout: float | None
    """Seconds to wait for an answer to one try; None waits for ever."""
    idempotency_key: str
    """A key of your own, to repeat a call safely across restarts of your program. Made up when left
    out.
    """
    consistency: Consistency
    """How fresh a read must be."""
    schema_version: int
    """The version of the namespace's schema that you know, if not the one in force: entries are
    read and written as of that version.
    """
    fencing_token: int | None
    """The token of a lease: a write is done only while it is the newest granted for the key."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, read to its end. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body's value; integers digit for digit."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise UnexpectedResponse(
                f"The answer ({self.status}) is not JSON; is this a Stateward server?"
            ) from error

    def document(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise UnexpectedResponse(f"The answer ({self.status}) is not a JSON object.")
        return value


class Sink(Protocol):
    """Takes a long answer piece by piece."""

    def begin(self) -> None:
        """A (first or repeated) answer begins: forget what came before."""

    def write(self, piece: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Send:
    """Effect: send the request; the result is the Response. A successful body goes to ``sink``
    where there is one.
    """

    request: Request
    sink: Sink | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Effect: wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Invoke:
    """Effect: call a function of the user's, which in the asynchronous client may be a coroutine
    function.
    """

    function: Callable[..., Any]
    argument: Any


Effect: TypeAlias = Send | Pause | Invoke
Flow: TypeAlias = Generator[Effect, Any, T]


def drive(flow: Flow[T], perform: Callable[[Effect], Any]) -> T:
    """Carry out what ``flow`` yields; what ``perform`` raises is raised inside the flow."""
    try:
        effect = next(flow)
        while True:
            try:
                result = perform(effect)
            except Exception as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
    finally:
        flow.close()  # an interrupt or a cancelled task leaves the flow in the middle


async def adrive(flow: Flow[T], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    """The same, asynchronously."""
    try:
        effect = next(flow)
        while True:
            try:
                result = await perform(effect)
            except Exception as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
    finally:
        flow.close()


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON. ValueError for NaN, Infinity and lone surrogates: JSON has none of
    them.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def members(**given: Any) -> dict[str, Any]:
    """The members of a body that were given: everything that is not UNSET."""
    return {name: value for name, value in given.items() if value is not UNSET}


def query_string(given: Mapping[str, Any]) -> str:
    """``?a=b`` of what is not None, or nothing."""
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        if isinstance(value, list | tuple):
            pairs += [(name, _parameter(item)) for item in value]
        elif value is not None:
            pairs.append((name, _parameter(value)))
    return f"?{urlencode(pairs, quote_via=quote, safe='')}" if pairs else ""


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value)


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds, as the server writes it. ValueError without a time zone: it would be a
    guess.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone: datetime.now(UTC), not datetime.now()")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def segment(text: str) -> str:
    """One path segment, percent-encoded whole."""
    return quote(text, safe="")


def key_segment(key: str) -> str:
    """An entry's key as a path segment; raises InvalidKey where no server would take it."""
    if not 1 <= len(key) <= 512 or key in {".", ".."} or "/" in key or _has_control(key):
        raise InvalidKey(f"{key[:60]!r} cannot be a key: {InvalidKey.__doc__}")
    try:
        return segment(key)
    except UnicodeEncodeError:
        raise InvalidKey("a key cannot hold a lone surrogate") from None


def name_segment(name: str) -> str:
    """A namespace's name as a path segment. Only what would change the path is refused here."""
    if not name.strip(".") or "/" in name:
        raise InvalidKey(f"{name[:60]!r} cannot be the name of a namespace")
    return segment(name)


def _has_control(text: str) -> bool:
    return any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text)
