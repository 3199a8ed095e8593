"""Calls on namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack

from agents_bridge._bind import Listing
from agents_bridge._errors import NamespaceExists
from agents_bridge._models import Namespace
from agents_bridge._session import API, Session
from agents_bridge._wire import UNSET, CallOptions, Flow, Unset, members, name_segment

Scope = Literal["shared", "agent", "task", "session", "user"]
Concurrency = Literal["last_write_wins", "versioned", "merge", "reducer", "crdt"]
Classification = Literal["public", "internal", "confidential", "restricted"]


def namespace_path(name: str) -> str:
    return f"{API}/namespaces/{name_segment(name)}"


def create(
    session: Session,
    name: str,
    *,
    scope: Scope | Unset = UNSET,
    concurrency: Concurrency | Unset = UNSET,
    classification: Classification | Unset = UNSET,
    reducer: Mapping[str, Any] | Unset = UNSET,
    crdt: Mapping[str, Any] | Unset = UNSET,
    schema: Mapping[str, Any] | Unset = UNSET,
    labels: Mapping[str, str] | Unset = UNSET,
    default_ttl_seconds: int | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[Namespace]:
    """Create a namespace; only ``name`` is needed. Raises NamespaceExists where there is one of
    this name.

    A name is 1 to 10 segments joined by dots. ``schema`` is a JSON Schema (2020-12) that every
    value must meet. In a ``versioned`` namespace every change must name the version it changes, in
    a ``merge`` namespace a stale one is merged; ``reducer`` (``{"name": "append"}``) and ``crdt``
    (``{"type": "counter"}``) name what actions do in those modes.

    >>> namespace = client.namespaces.create("airline.bookings", classification="confidential")
    >>> namespace.name, namespace.concurrency
    ('airline.bookings', 'last_write_wins')
    """
    body = members(
        name=name,
        scope=scope,
        concurrency=concurrency,
        classification=classification,
        reducer=reducer,
        crdt=crdt,
        schema=schema,
        labels=labels,
        default_ttl_seconds=default_ttl_seconds,
    )
    response = yield from session.call("POST", f"{API}/namespaces", options, body=body)
    return Namespace.build(response.document())


def ensure(
    session: Session,
    name: str,
    *,
    scope: Scope | Unset = UNSET,
    concurrency: Concurrency | Unset = UNSET,
    classification: Classification | Unset = UNSET,
    reducer: Mapping[str, Any] | Unset = UNSET,
    crdt: Mapping[str, Any] | Unset = UNSET,
    schema: Mapping[str, Any] | Unset = UNSET,
    labels: Mapping[str, str] | Unset = UNSET,
    default_ttl_seconds: int | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[Namespace]:
    """The namespace of this name, created if there is none. One that exists is answered as it is,
    not changed.

    >>> client.namespaces.ensure("airline.notes").name
    'airline.notes'
    >>> client.namespaces.ensure("airline.notes").name
    'airline.notes'
    """
    try:
        return (
            yield from create(
                session,
                name,
                scope=scope,
                concurrency=concurrency,
                classification=classification,
                reducer=reducer,
                crdt=crdt,
                schema=schema,
                labels=labels,
                default_ttl_seconds=default_ttl_seconds,
                **options,
            )
        )
    except NamespaceExists:
        return (yield from get(session, name, **_for_reading(options)))


def get(session: Session, name: str, **options: Unpack[CallOptions]) -> Flow[Namespace]:
    """One namespace. Raises NotFound.

    >>> _ = client.namespaces.create("airline.flights")
    >>> client.namespaces.get("airline.flights").classification
    'internal'
    """
    response = yield from session.call("GET", namespace_path(name), options)
    return Namespace.build(response.document())


def list(
    session: Session,
    *,
    prefix: str | None = None,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Namespace]:
    """All namespaces you may know of, by name.

    >>> _ = client.namespaces.create("support.tickets")
    >>> [namespace.name for namespace in client.namespaces.list(prefix="support.")]
    ['support.tickets']
    """
    query = {"prefix": prefix, "limit": page_size}
    return Listing(session, f"{API}/namespaces", query, Namespace.build, options)


def update(
    session: Session,
    name: str,
    *,
    scope: Scope | Unset = UNSET,
    concurrency: Concurrency | Unset = UNSET,
    classification: Classification | Unset = UNSET,
    reducer: Mapping[str, Any] | Unset = UNSET,
    crdt: Mapping[str, Any] | Unset = UNSET,
    schema: Mapping[str, Any] | Unset | None = UNSET,
    owner: tuple[str, str] | Unset = UNSET,
    labels: Mapping[str, str] | Unset = UNSET,
    default_ttl_seconds: int | Unset | None = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[Namespace]:
    """Change what is given, leave the rest; None clears. ``owner`` is a pair of type and id.

    >>> _ = client.namespaces.create("drafts")
    >>> client.namespaces.update("drafts", labels={"team": "desk"}).labels
    {'team': 'desk'}
    """
    body = members(
        scope=scope,
        concurrency=concurrency,
        classification=classification,
        reducer=reducer,
        crdt=crdt,
        schema=schema,
        owner=owner if isinstance(owner, Unset) else {"type": owner[0], "id": owner[1]},
        labels=labels,
        default_ttl_seconds=default_ttl_seconds,
    )
    response = yield from session.call("PATCH", namespace_path(name), options, body=body)
    return Namespace.build(response.document())


def delete(
    session: Session, name: str, *, force: bool = False, **options: Unpack[CallOptions]
) -> Flow[None]:
    """Delete a namespace. One that has entries needs ``force``, and loses them. Conflict under a
    hold.

    >>> _ = client.namespaces.create("scratch")
    >>> client.namespaces.delete("scratch")
    """
    query = {"force": True} if force else {}
    yield from session.call("DELETE", namespace_path(name), options, query=query)


def _for_reading(options: CallOptions) -> CallOptions:
    """The options without what belongs to the write alone."""
    kept: CallOptions = {**options}
    kept.pop("idempotency_key", None)
    return kept
