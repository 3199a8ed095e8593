"""What a request's headers say about the call: one reading for both planes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from stateward.kernel.errors import Fault, Malformed
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Call

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_LONGEST = {"Stateward-Purpose": 512, "Stateward-Run": 128, "Stateward-On-Behalf-Of": 256}

# Most calls say nothing of themselves but their user agent.
SAID = frozenset({"traceparent", "stateward-purpose", "stateward-run", "stateward-on-behalf-of"})

HeaderOf = Callable[[str], str | None]  # asked in lower case, which all of them understand


def request_id_of(header: HeaderOf) -> str:
    """The caller's ``X-Request-ID`` where it is one that may be repeated in headers and logs, else
    a new one.
    """
    given = header("x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else str(uuid7())


def call_of(header: HeaderOf, *, source_address: str, request_id: str | None = None) -> Call:
    """The call that the headers describe; Malformed (400) where one is too long or has control
    characters.
    """
    parent = header("traceparent")
    trace = _TRACEPARENT.fullmatch(parent) if parent else None
    return Call(
        request_id=request_id or request_id_of(header),
        source_address=source_address,
        trace_id=trace[1] if trace else None,
        user_agent=(header("user-agent") or "")[:512],
        purpose=_said(header, "Stateward-Purpose"),
        run=_said(header, "Stateward-Run"),
        on_behalf_of=_said(header, "Stateward-On-Behalf-Of"),
    )


def _said(header: HeaderOf, name: str) -> str | None:
    text = header(name.lower())
    if text is None or not text.strip():
        return None
    with suppress(UnicodeError):  # both servers hand out bytes as Latin-1; what is meant is UTF-8
        text = text.encode("latin-1").decode("utf-8")
    if len(text) > _LONGEST[name] or not text.isprintable():
        raise Malformed(
            f"{name} takes at most {_LONGEST[name]} printable characters.",
            errors=(Fault("", f"the header {name} is too long or not printable"),),
        )
    return text.strip()
