"""Time as we write it: aware UTC, RFC 3339 with microseconds."""

from datetime import UTC, datetime

from stateward.kernel.errors import Fault, Malformed


def now() -> datetime:
    """This process's clock. What decides anything uses the database's."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """``2026-11-21T09:42:17.031245Z``."""
    text = moment.isoformat(timespec="microseconds")
    if not text.endswith("+00:00"):
        text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text[:-6] + "Z"


def parse_rfc3339(text: str, *, pointer: str = "") -> datetime:
    """The moment ``text`` names; 400 with ``pointer`` when it names none or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Malformed(
            "A time is written as RFC 3339 with a zone, such as 2026-11-21T09:42:17Z.",
            errors=(Fault(pointer, "not an RFC 3339 time with a zone"),),
        )
    return moment.astimezone(UTC)
