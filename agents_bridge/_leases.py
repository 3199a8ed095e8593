"""Calls on leases."""

from __future__ import annotations

from typing import Unpack

from agents_bridge._bind import Listing
from agents_bridge._models import Lease
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow, segment


def acquire(
    session: Session,
    namespace: str,
    key: str,
    *,
    ttl_seconds: float = 30.0,
    wait_seconds: float = 0.0,
    **options: Unpack[CallOptions],
) -> Flow[Lease]:
    """Have a key to yourself for ``ttl_seconds``. Give ``lease.fencing_token`` to each write of it.

    Somebody else who has it is Locked (423), after ``wait_seconds`` (at most 60) in line, in order
    of arrival. ``client.lease(...)`` renews by itself and brings the token along.

    >>> lease = client.leases.acquire("notes", "door", ttl_seconds=60)
    >>> token = lease.fencing_token
    >>> client.entries.put("notes", "door", "open", fencing_token=token).version
    1
    """
    patience = options.get("timeout", session.settings.timeout)
    if patience is not None and wait_seconds:
        options["timeout"] = patience + wait_seconds
    body = {"key": key, "ttl_seconds": ttl_seconds, "wait_seconds": wait_seconds}
    path = f"{namespace_path(namespace)}/leases"
    response = yield from session.call("POST", path, options, body=body)
    return Lease.build(response.document())


def renew(
    session: Session,
    namespace: str,
    lease_id: str,
    *,
    ttl_seconds: float = 30.0,
    **options: Unpack[CallOptions],
) -> Flow[Lease]:
    """Keep it for ``ttl_seconds`` from now. NotFound once it has ended: the key may be another's.

    >>> lease = client.leases.acquire("notes", "door")
    >>> client.leases.renew("notes", lease.id).fencing_token == lease.fencing_token
    True
    """
    response = yield from session.call(
        "PATCH", _lease_path(namespace, lease_id), options, body={"ttl_seconds": ttl_seconds}
    )
    return Lease.build(response.document())


def release(
    session: Session,
    namespace: str,
    lease_id: str,
    *,
    reason: str | None = None,
    **options: Unpack[CallOptions],
) -> Flow[None]:
    """Give it back. Another's is ended with a ``reason``, by whoever policy lets do so.

    >>> lease = client.leases.acquire("notes", "door")
    >>> client.leases.release("notes", lease.id)
    """
    path = _lease_path(namespace, lease_id)
    yield from session.call("DELETE", path, options, query={"reason": reason})


def list(
    session: Session,
    namespace: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Lease]:
    """The leases that are held now, oldest first.

    >>> _ = client.leases.acquire("notes", "door")
    >>> [lease.key for lease in client.leases.list("notes")]
    ['door']
    """
    path = f"{namespace_path(namespace)}/leases"
    return Listing(session, path, {"limit": page_size}, Lease.build, options)


def _lease_path(namespace: str, lease_id: str) -> str:
    return f"{namespace_path(namespace)}/leases/{segment(lease_id)}"
