"""RFC 9457 problem documents: the one place where a refusal becomes HTTP, for both planes.

``problem`` is pure. ``as_stateward`` brings the exceptions of Django and DRF into our own tree
first. Whatever is left over is a fault of ours: it becomes a plain 500 that says nothing about the
inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core import exceptions as django
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as drf

from stateward.kernel.errors import (
    Conflict,
    Fault,
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    StatewardError,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="stateward"'


def problem(error: StatewardError, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """(status, headers, body) of the problem document for ``error``."""
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Cache-Control": "no-store",
        "X-Request-ID": request_id,
        **error.headers,
    }
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", CHALLENGE)
    body: dict[str, Any] = {
        "type": f"urn:stateward:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request_id,
        "code": error.code,
    }
    if error.status == 404:
        # One body for what does not exist and what the caller may not know of; it names nothing
        # that was asked for.
        code, title = NotFound.code, NotFound.title
        body |= {"type": f"urn:stateward:problem:{code}", "title": title, "code": code}
        body["detail"] = NotFound().detail
        if error.errors:  # which of a transaction's operations, and nothing more
            body["errors"] = [
                Fault(fault.pointer, NotFound().detail).as_dict() for fault in error.errors
            ]
    elif error.status == 500:
        body["detail"] = (
            "Something went wrong on our side. It has been logged under this request's id."
        )
    else:
        body |= error.members
        if error.errors:
            body["errors"] = [fault.as_dict() for fault in error.errors]
    return error.status, headers, body


def as_stateward(error: BaseException) -> StatewardError:
    """``error`` as one of ours; a plain StatewardError (500) where it is none that a caller can
    mend.
    """
    if isinstance(error, StatewardError):
        return error
    if isinstance(error, drf.APIException):
        return _from_drf(error)
    for kind, ours in _OF_DJANGO:
        if isinstance(error, kind):
            return ours()
    return StatewardError()


_OF_DJANGO: tuple[tuple[type[BaseException], type[StatewardError]], ...] = (
    (Http404, NotFound),
    (django.ObjectDoesNotExist, NotFound),
    (django.PermissionDenied, Forbidden),
    (django.RequestDataTooBig, TooLarge),
    (django.TooManyFieldsSent, Malformed),
    (django.SuspiciousOperation, Malformed),
    (IntegrityError, Conflict),
    (OperationalError, Unavailable),
    (InterfaceError, Unavailable),
)


def _from_drf(error: drf.APIException) -> StatewardError:
    if isinstance(error, drf.ValidationError):
        return Unprocessable(errors=tuple(faults_of(error.detail)))
    if isinstance(error, drf.Throttled):
        seconds = str(int(getattr(error, "wait", None) or 1) + 1)
        return TooManyRequests(headers={"Retry-After": seconds})
    for kind, ours in _OF_DRF:
        if isinstance(error, kind):
            return ours()
    return StatewardError()


_OF_DRF: tuple[tuple[type[drf.APIException], type[StatewardError]], ...] = (
    (drf.ParseError, Malformed),
    (drf.AuthenticationFailed, Unauthenticated),
    (drf.NotAuthenticated, Unauthenticated),
    (drf.PermissionDenied, Forbidden),
    (drf.NotFound, NotFound),
    (drf.MethodNotAllowed, MethodNotAllowed),
    (drf.NotAcceptable, NotAcceptable),
    (drf.UnsupportedMediaType, UnsupportedMediaType),
)


def faults_of(detail: Any, pointer: str = "") -> Iterator[Fault]:
    """One fault for each message in a serializer's nested errors, with the pointer to its
    member.
    """
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else f"/{_escaped(str(name))}"
            yield from faults_of(inner, pointer + part)
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list))
            yield from faults_of(inner, f"{pointer}/{position}" if nested else pointer)
    else:
        yield Fault(pointer, str(detail))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
