"""Data goes to stdout, talk to stderr. What agents stored is shown without its power over
terminals.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agents_bridge._errors import ApiError, Forbidden, PreconditionFailed, StatewardError

if TYPE_CHECKING:
    from agents_bridge.cli import _render

# Control characters move cursors and set titles; bidirectional marks and line separators show
# another text than is there.
_POWERFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def render() -> type[_render.Screen]:
    """The part that draws with rich, loaded when something is drawn."""
    screen: type[_render.Screen] = import_module("agents_bridge.cli._render").Screen
    return screen


def harmless(text: str) -> str:
    """``text`` with every character that has power over a terminal spelled out."""
    return _POWERFUL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    return harmless(text.replace("\n", "\\n").replace("\t", "\\t"))


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text; the escapes are valid JSON, so nothing is lost."""
    return harmless(json.dumps(plain(value), ensure_ascii=False, indent=indent))


def plain(value: Any) -> Any:
    """A model as the server sent it; other values as they are."""
    if is_dataclass(value) and not isinstance(value, type):
        document = getattr(value, "raw", None)
        return plain(dict(document) if document else asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def data(text: str) -> None:
    """One piece of data, to stdout."""
    sys.stdout.write(f"{text}\n")


def show(value: Any, *, json: bool, otherwise: Callable[[], object]) -> None:
    """``value`` as JSON where that was asked for, else whatever ``otherwise`` draws."""
    if json:
        data(as_json(value))
    else:
        otherwise()


def done(text: str, value: Any = None, *, json: bool) -> None:
    """Tell that something was done."""
    show(value, json=json, otherwise=lambda: render().done(text))


def moment(at: datetime | None) -> str:
    """UTC to the second, the way people write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "-"


def size(count: int | None) -> str:
    if count is None:
        return "-"
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024**2 else f"{count / 1024**2:.1f} MiB"


def report(error: StatewardError, *, json: bool) -> None:
    """An error, to stderr: what happened, where, and what helps."""
    if json:
        sys.stderr.write(as_json({"error": _document(error)}) + "\n")
    else:
        render().refusal(_sentence(error), _details(error))


def _document(error: StatewardError) -> Any:
    if isinstance(error, ApiError):
        return {"status": error.status, "code": error.code, "detail": error.detail, **error.problem}
    return {"code": type(error).__name__, "detail": _sentence(error)}


def _sentence(error: StatewardError) -> str:
    if isinstance(error, ApiError):
        return error.detail
    return str(error) or str(type(error).__doc__).partition("\n")[0]


def _details(error: StatewardError) -> list[tuple[str, str]]:
    if not isinstance(error, ApiError):
        return []
    details = [(fault.pointer or "body", fault.message) for fault in error.errors]
    if isinstance(error, Forbidden):
        details += [("reason", error.reason or ""), ("decision", error.decision_id or "")]
    if isinstance(error, PreconditionFailed):
        version = error.current_version
        details.append(("it is now", f"at version {version}" if version else "not there"))
    details += [("code", error.code), ("request", error.request_id or "")]
    return [(name, text) for name, text in details if text]
