"""Calls on entries of namespaces whose values change through actions."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Unpack

from agents_bridge._entries import if_match_header, written
from agents_bridge._models import WrittenEntry
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow, key_segment


def act(
    session: Session,
    namespace: str,
    key: str,
    type: str,  # the contract's own name
    payload: Any,
    *,
    if_match: int | None = None,
    note: str | None = None,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Do one action on a key of a ``reducer`` or ``crdt`` namespace; a key that is not there yet
    begins from the empty value.

    The type is the reducer's name, or ADD, COMPLETE, FAIL of a ``task_list``. Raises ActionConflict
    where the action does not fit the value, Unprocessable where the namespace knows no such.

    >>> _ = client.namespaces.create("todo", concurrency="reducer", reducer={"name": "task_list"})
    >>> _ = client.entries.act("todo", "today", "ADD", {"id": "call", "whom": "Ada"})
    >>> client.entries.act("todo", "today", "COMPLETE", {"id": "call"}).value
    [{'id': 'call', 'whom': 'Ada', 'status': 'completed'}]
    """
    body: dict[str, Any] = {"type": type, "payload": payload}
    if note is not None:
        body["note"] = note
    path = f"{namespace_path(namespace)}/entries/{key_segment(key)}/actions"
    response = yield from session.call(
        "POST", path, options, body=body, headers=if_match_header(if_match)
    )
    return written(response)


def append(
    session: Session, namespace: str, key: str, item: Any, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Add an item to the end of a list (reducer ``append``). No item of anyone is lost.

    >>> _ = client.namespaces.create("logs", concurrency="reducer", reducer={"name": "append"})
    >>> _ = client.entries.append("logs", "run-1", {"step": "search"})
    >>> client.entries.append("logs", "run-1", {"step": "book"}).value
    [{'step': 'search'}, {'step': 'book'}]
    """
    return act(session, namespace, key, "append", item, **options)


def increment(
    session: Session, namespace: str, key: str, by: float = 1, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Count on (CRDT ``counter``). No increment of anyone is lost.

    >>> _ = client.namespaces.create("counts", concurrency="crdt", crdt={"type": "counter"})
    >>> _ = client.entries.increment("counts", "calls")
    >>> client.entries.increment("counts", "calls", 41).value
    42
    """
    return act(session, namespace, key, "increment", {"by": by}, **options)


def add_item(
    session: Session, namespace: str, key: str, item: Any, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Add an item to a set (CRDT ``set``).

    >>> _ = client.namespaces.create("tags", concurrency="crdt", crdt={"type": "set"})
    >>> _ = client.entries.add_item("tags", "EHGLP3", "vip")
    >>> client.entries.add_item("tags", "EHGLP3", "vip").value
    ['vip']
    """
    return act(session, namespace, key, "add", {"item": item}, **options)


def remove_item(
    session: Session, namespace: str, key: str, item: Any, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Remove an item from a set (CRDT ``set``): what a replica added meanwhile stays.

    >>> _ = client.namespaces.create("tags", concurrency="crdt", crdt={"type": "set"})
    >>> _ = client.entries.add_item("tags", "EHGLP3", "vip")
    >>> client.entries.remove_item("tags", "EHGLP3", "vip").value
    []
    """
    return act(session, namespace, key, "remove", {"item": item}, **options)


def set_member(
    session: Session,
    namespace: str,
    key: str,
    member: str,
    value: Any,
    **options: Unpack[CallOptions],
) -> Flow[WrittenEntry]:
    """Set one member of a map (CRDT ``map``).

    >>> _ = client.namespaces.create("profiles", concurrency="crdt", crdt={"type": "map"})
    >>> client.entries.set_member("profiles", "ada", "seat", "12A").value
    {'seat': '12A'}
    """
    return act(session, namespace, key, "set", {"member": member, "value": value}, **options)


def unset_member(
    session: Session, namespace: str, key: str, member: str, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Remove one member of a map (CRDT ``map``).

    >>> _ = client.namespaces.create("profiles", concurrency="crdt", crdt={"type": "map"})
    >>> _ = client.entries.set_member("profiles", "ada", "seat", "12A")
    >>> client.entries.unset_member("profiles", "ada", "seat").value
    {}
    """
    return act(session, namespace, key, "unset", {"member": member}, **options)


def insert_text(
    session: Session, namespace: str, key: str, at: int, text: str, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Insert into a text (CRDT ``text``), ``at`` characters from its begin.

    >>> _ = client.namespaces.create("drafts", concurrency="crdt", crdt={"type": "text"})
    >>> _ = client.entries.insert_text("drafts", "letter", 0, "Dear !")
    >>> client.entries.insert_text("drafts", "letter", 5, "Ada").value
    'Dear Ada!'
    """
    return act(session, namespace, key, "insert", {"at": at, "text": text}, **options)


def delete_text(
    session: Session, namespace: str, key: str, at: int, length: int, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Delete ``length`` characters of a text (CRDT ``text``).

    >>> _ = client.namespaces.create("drafts", concurrency="crdt", crdt={"type": "text"})
    >>> _ = client.entries.insert_text("drafts", "letter", 0, "Dear Ada!")
    >>> client.entries.delete_text("drafts", "letter", 4, 4).value
    'Dear!'
    """
    return act(session, namespace, key, "delete", {"at": at, "length": length}, **options)


def apply_update(
    session: Session, namespace: str, key: str, update: bytes, **options: Unpack[CallOptions]
) -> Flow[WrittenEntry]:
    """Bring in what a replica of your own did offline: a Yjs update (version 1) of a document whose
    root is named ``value``, as pycrdt's ``doc.get_update()`` gives it. Updates converge in any
    order, and one that is sent twice changes nothing.
    """
    payload = {"update": b64encode(update).decode()}
    return act(session, namespace, key, "apply", payload, **options)
