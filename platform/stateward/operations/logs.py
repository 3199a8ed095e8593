"""Logs: on standard error, one JSON object a line, or text where a person looks on.

Code logs with the standard library: the message is the event (``job.failed``), ids go in ``extra``.
What is bound for a while (``bound``) is on every line: the request, or the run of a job. Values do
not belong in logs, but errors carry them in their texts: an error's text is written only where it
speaks of the machine (a refused connection, a missing file), and what looks like a secret never.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

from stateward.kernel.errors import StatewardError

Event = MutableMapping[str, Any]

OF_THE_MACHINE = (
    OSError,
    RedisError,
    ImproperlyConfigured,
    StatewardError,
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
HIDDEN = "[hidden]"
SECRET_NAME = re.compile(
    r"passw|secret|token|api_?key|root_?key|authorization|cookie|credential$", re.IGNORECASE
)
SECRETS = (
    (re.compile(r"\bsw_[A-Za-z0-9]+_[A-Za-z0-9_-]+"), f"sw_{HIDDEN}"),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), HIDDEN),
    (re.compile(r"(?i)\bbearer\s+\S+"), f"Bearer {HIDDEN}"),
    (re.compile(r"(?i)\b(password|secret)=\S+"), rf"\1={HIDDEN}"),
)
FRAMES = 30  # the innermost


def line(*, as_text: bool | None = None) -> logging.Formatter:
    """The formatter of every handler. ``as_text``: None asks whether a terminal is there."""
    readable = sys.stderr.isatty() if as_text is None else as_text
    render: Any = structlog.processors.JSONRenderer(default=str)
    if readable:
        render = structlog.dev.ConsoleRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _tell_errors,
            _hide_secrets,
            render,
        ],
    )


def bound(**about: str) -> AbstractContextManager[None]:
    """What is on every line for the while: ``request_id``, ``run_id``, ``job``."""
    return structlog.contextvars.bound_contextvars(**about)


class RequestLogMiddleware:
    """Names the request on every line that is written while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The data plane made or checked it; whoever comes past the data plane gets no line by it.
        request_id = request.headers.get("X-Request-ID", "")
        with bound(request_id=request_id[:128]):
            return self.get_response(request)


def _tell_errors(logger: Any, method: str, event: Event) -> Event:
    """The error as kinds and places; its text only where it speaks of the machine."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found
    error = error[1] if isinstance(error, tuple) else error
    if isinstance(error, BaseException):
        event["error"] = _told(error)
        event["trace"] = _places(error)
    return event


def _told(error: BaseException) -> str:
    kinds = [type(error).__name__]
    if isinstance(error, OF_THE_MACHINE):
        kinds[0] += f": {str(error).strip().split(chr(10))[0]}"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and len(kinds) < 5:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__
    return " from ".join(kinds)


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _hide_secrets(logger: Any, method: str, event: Event) -> Event:
    for name, value in event.items():
        event[name] = HIDDEN if _is_secret(name, value) else _hidden(value)
    return event


def _is_secret(name: str, value: Any) -> bool:
    """By its name; a number is none: fencing tokens and tokens of a model are counted."""
    return bool(value) and not isinstance(value, int) and SECRET_NAME.search(name) is not None


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, instead in SECRETS:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, list | tuple):
        return [_hidden(one) for one in value]
    if isinstance(value, dict):
        return {
            name: HIDDEN if _is_secret(str(name), one) else _hidden(one)
            for name, one in value.items()
        }
    return value
