"""Calls on entries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Unpack

from agents_bridge._bind import Listing
from agents_bridge._errors import NotFound, PreconditionFailed
from agents_bridge._models import Diff, Entry, Revision, WrittenEntry
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import (
    UNSET,
    CallOptions,
    Flow,
    Invoke,
    Pause,
    Response,
    Unset,
    key_segment,
    members,
)

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


def entry_path(namespace: str, key: str) -> str:
    return f"{namespace_path(namespace)}/entries/{key_segment(key)}"


def get(
    session: Session,
    namespace: str,
    key: str,
    *,
    version: int | None = None,
    as_of: datetime | None = None,
    **options: Unpack[CallOptions],
) -> Flow[Entry]:
    """The entry now, or as it was in one ``version`` or at one time (``as_of``, aware). Raises
    NotFound.

    >>> _ = client.entries.put("notes", "greeting", {"text": "hello"})
    >>> _ = client.entries.put("notes", "greeting", {"text": "good morning"})
    >>> entry = client.entries.get("notes", "greeting")
    >>> entry.value, entry.version
    ({'text': 'good morning'}, 2)
    >>> client.entries.get("notes", "greeting", version=1).value
    {'text': 'hello'}
    """
    path = entry_path(namespace, key)
    if version is not None or as_of is not None:
        response = yield from session.call(
            "GET", path, options, query={"version": version, "as_of": as_of}
        )
        return _entry(response.document())
    if "schema_version" in options:  # what is remembered is the value as it is stored
        response = yield from session.call("GET", path, options)
        return _entry(response.document())
    known = session.memory.answer(path)
    response = yield from session.call(
        "GET",
        path,
        options,
        headers={"If-None-Match": known.headers["etag"]} if known else {},
        answers=(304,),
    )
    if known and response.status == 304:
        return _entry(known.document())
    session.memory.remember_answer(path, response)
    return _entry(response.document())


def get_if_changed(
    session: Session, namespace: str, key: str, version: int, **options: Unpack[CallOptions]
) -> Flow[Entry | None]:
    """The entry, or None while it still is at ``version``: a cheap way to look again.

    >>> entry = client.entries.put("notes", "door", "open")
    >>> client.entries.get_if_changed("notes", "door", entry.version) is None
    True
    """
    response = yield from session.call(
        "GET",
        entry_path(namespace, key),
        options,
        headers={"If-None-Match": f'"{version}"'},
        answers=(304,),
    )
    return None if response.status == 304 else _entry(response.document())


def get_many(
    session: Session,
    namespace: str,
    keys: Iterable[str],
    *,
    values: bool = True,
    **options: Unpack[CallOptions],
) -> Flow[dict[str, Entry]]:
    """Up to 1,000 entries in one call, by key, all as of one moment. What is not there, or may not
    be read, is left out.

    >>> for number in range(3):
    ...     _ = client.entries.put("notes", f"n{number}", number)
    >>> found = client.entries.get_many("notes", ["n2", "n0", "none"])
    >>> [(key, entry.value) for key, entry in found.items()]
    [('n2', 2), ('n0', 0)]
    """
    response = yield from session.call(
        "POST",
        f"{namespace_path(namespace)}/reads",
        options,
        body={"keys": [*keys]} if values else {"keys": [*keys], "values": False},
        is_read=True,
    )
    entries = map(_entry, response.document().get("items", ()))
    return {entry.key: entry for entry in entries}


def put(
    session: Session,
    namespace: str,
    key: str,
    value: Any,
    *,
    if_match: int | None = None,
    if_none_match: Literal["*"] | None = None,
    ttl_seconds: int | Unset | None = UNSET,
    labels: Mapping[str, str] | Unset | None = UNSET,
    note: str | None = None,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Write the whole value, any JSON. Raises PreconditionFailed, Forbidden, SchemaViolation and
    others.

    ``if_match``: only if the entry is at this version. ``if_none_match="*"``: only if there is
    none. ``ttl_seconds`` and ``labels`` keep what they were unless given; None clears them.
    ``note`` stays in the history.

    >>> entry = client.entries.put("notes", "counter", 1, note="first")
    >>> entry.version, entry.created
    (1, True)
    >>> client.entries.put("notes", "counter", 2, if_match=entry.version).version
    2
    >>> client.entries.put("notes", "counter", 3, if_match=1)
    Traceback (most recent call last):
    agents_bridge.PreconditionFailed: The version you named is not the current one. [412
    precondition_failed]
    """
    body = members(value=value, ttl_seconds=ttl_seconds, labels=labels)
    if note is not None:
        body["note"] = note
    headers = if_match_header(if_match)
    if if_none_match is not None:
        headers["If-None-Match"] = if_none_match
    response = yield from session.call(
        "PUT", entry_path(namespace, key), options, body=body, headers=headers
    )
    return written(response)


def merge_patch(
    session: Session,
    namespace: str,
    key: str,
    patch: Any,
    *,
    if_match: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Change members of the value (RFC 7396): what is given replaces, None removes, the rest stays.

    >>> _ = client.entries.put("notes", "guest", {"name": "Ada", "room": 7})
    >>> client.entries.merge_patch("notes", "guest", {"room": 9}).value
    {'name': 'Ada', 'room': 9}
    """
    response = yield from session.call(
        "PATCH",
        entry_path(namespace, key),
        options,
        body=patch,
        content_type=MERGE_PATCH,
        headers=if_match_header(if_match),
    )
    return written(response)


def json_patch(
    session: Session,
    namespace: str,
    key: str,
    operations: Sequence[Mapping[str, Any]],
    *,
    if_match: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Apply a JSON Patch (RFC 6902) to the value. Conflict where a ``test`` in it fails.

    >>> _ = client.entries.put("notes", "queue", ["a"])
    >>> operations = [{"op": "add", "path": "/-", "value": "b"}]
    >>> client.entries.json_patch("notes", "queue", operations).value
    ['a', 'b']
    """
    response = yield from session.call(
        "PATCH",
        entry_path(namespace, key),
        options,
        body=[*operations],
        content_type=JSON_PATCH,
        headers=if_match_header(if_match),
    )
    return written(response)


def update(
    session: Session,
    namespace: str,
    key: str,
    change: Callable[[Any], Any] | Callable[[Any], Awaitable[Any]],
    *,
    default: Any = UNSET,
    attempts: int = 20,
    note: str | None = None,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Read, change, write, and start again when somebody was faster: no change of anyone is lost.

    ``change`` gets the value and returns the new one; it may be called several times. In the
    asynchronous client it may be a coroutine function. Where there is no entry it gets ``default``,
    or NotFound is raised without one. Raises PreconditionFailed when ``attempts`` were not enough.

    >>> _ = client.entries.put("notes", "visits", 1)
    >>> client.entries.update("notes", "visits", lambda count: count + 1).value
    2
    """
    if attempts < 1:
        raise ValueError("attempts must be 1 or more")
    if "idempotency_key" in options:
        raise TypeError("update writes what it just read, so no two tries are the same call")
    for attempt in range(1, attempts + 1):
        value, if_match = yield from _present(session, namespace, key, default, options)
        new = yield Invoke(change, value)
        if new is None:
            raise TypeError("the function must return the new value (to store null, use put)")
        try:
            return (
                yield from put(
                    session,
                    namespace,
                    key,
                    new,
                    if_match=if_match,
                    if_none_match="*" if if_match is None else None,
                    note=note,
                    **options,
                )
            )
        except PreconditionFailed:
            if attempt == attempts:
                raise
        yield Pause(session.spread(attempt))
    raise AssertionError  # pragma: no cover - the loop returns or raises


def delete(
    session: Session,
    namespace: str,
    key: str,
    *,
    if_match: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[None]:
    """Delete the entry. Its history stays until retention removes it, and its versions go on where
    they stopped.

    >>> _ = client.entries.put("notes", "old", 1)
    >>> client.entries.delete("notes", "old")
    >>> client.entries.put("notes", "old", 2).version
    3
    """
    yield from session.call(
        "DELETE", entry_path(namespace, key), options, headers=if_match_header(if_match)
    )


def list(
    session: Session,
    namespace: str,
    *,
    prefix: str | None = None,
    label: str | None = None,
    values: bool = True,
    as_of: datetime | str | None = None,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Entry]:
    """All entries in order of their keys, as an iterator that fetches pages as it goes.

    ``label`` is ``name:value``. ``values=False`` leaves the values out (``entry.has_value`` is
    False then). ``as_of`` reads the past: an aware time, or the ``position`` of a checkpoint; all
    pages are of one cut.

    >>> for city in ("Oslo", "Rome"):
    ...     _ = client.entries.put("notes", f"city-{city}", {"city": city})
    >>> [entry.key for entry in client.entries.list("notes", prefix="city-")]
    ['city-Oslo', 'city-Rome']
    """
    query = {
        "prefix": prefix,
        "label": label,
        "limit": page_size,
        "values": None if values else False,
        "as_of": as_of,
    }
    return Listing(session, f"{namespace_path(namespace)}/entries", query, _entry, options)


def history(
    session: Session,
    namespace: str,
    key: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Revision]:
    """Every change of the key, newest first, also of one that is deleted.

    >>> _ = client.entries.put("notes", "log", 1)
    >>> _ = client.entries.put("notes", "log", 2, note="corrected")
    >>> [(revision.version, revision.note) for revision in client.entries.history("notes", "log")]
    [(2, 'corrected'), (1, None)]
    """
    path = f"{entry_path(namespace, key)}/revisions"
    return Listing(session, path, {"limit": page_size}, Revision.build, options)


def diff(
    session: Session,
    namespace: str,
    key: str,
    *,
    from_version: int | datetime,
    to_version: int | datetime,
    **options: Unpack[CallOptions],
) -> Flow[Diff]:
    """What changed between two versions, or two times (aware), as a JSON Patch.

    >>> _ = client.entries.put("notes", "plan", {"day": "Monday"})
    >>> _ = client.entries.put("notes", "plan", {"day": "Friday"})
    >>> client.entries.diff("notes", "plan", from_version=1, to_version=2).patch
    ({'op': 'replace', 'path': '/day', 'value': 'Friday'},)
    """
    response = yield from session.call(
        "GET",
        f"{entry_path(namespace, key)}/diff",
        options,
        query={"from": from_version, "to": to_version},
    )
    return Diff.build(response.document())


def rollback(
    session: Session,
    namespace: str,
    key: str,
    version: int,
    *,
    if_match: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Write the value of an old version as a NEW revision; history is never rewritten.

    >>> _ = client.entries.put("notes", "text", "good")
    >>> _ = client.entries.put("notes", "text", "bad")
    >>> entry = client.entries.rollback("notes", "text", 1)
    >>> entry.value, entry.version
    ('good', 3)
    """
    response = yield from session.call(
        "POST",
        f"{entry_path(namespace, key)}/rollback",
        options,
        body={"version": version},
        headers=if_match_header(if_match),
    )
    return written(response)


def _present(
    session: Session, namespace: str, key: str, default: Any, options: CallOptions
) -> Flow[tuple[Any, int | None]]:
    """(value, version); the default and None where there is no entry."""
    try:
        entry = yield from get(session, namespace, key, **options)
    except NotFound:
        if default is UNSET:
            raise
        return default, None
    return entry.value, entry.version


def if_match_header(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _entry(document: Any) -> Entry:
    return Entry.build(document, has_value=isinstance(document, Mapping) and "value" in document)


def written(response: Response) -> WrittenEntry:
    document = response.document()
    return WrittenEntry.build(
        document,
        has_value="value" in document,
        created=response.status == 201,
        replayed=response.headers.get("idempotency-replayed") == "true",
        consistency_token=response.headers.get("stateward-consistency-token"),
    )
