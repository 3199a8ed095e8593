"""Calls that say how the server is. None of them needs a credential."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Unpack

from agents_bridge._errors import UnexpectedResponse, api_error
from agents_bridge._models import Readiness
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow, Response


def alive(session: Session, **options: Unpack[CallOptions]) -> Flow[bool]:
    """Whether the process answers; an exception where nothing does.

    >>> client.health.alive()
    True
    """
    response = yield from session.call("GET", "/healthz", options)
    return response.status == 200


def ready(session: Session, **options: Unpack[CallOptions]) -> Flow[Readiness]:
    """Whether reads and writes work now, what is degraded, and what time the server has.

    >>> client.health.ready().ready
    True
    """
    response = yield from session.call("GET", "/readyz", options, answers=(503,))
    document = _object(response)
    if response.status == 503 and not document:
        raise api_error(503, {})  # a gateway's answer: nobody knows how the server is
    return Readiness(
        ready=response.status == 200,
        degraded=document.get("degraded") is True,
        server_time=_date(response),
        raw=document,
    )


def schema(session: Session, **options: Unpack[CallOptions]) -> Flow[dict[str, Any]]:
    """The OpenAPI 3.1 document."""
    return (yield from session.call("GET", "/api/schema", options)).document()


def _object(response: Response) -> Mapping[str, Any]:
    try:
        return response.document()
    except UnexpectedResponse:
        return {}


def _date(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return None
