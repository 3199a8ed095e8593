"""One filter for view, facets, chart and export: the address of the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from dashboards.ranges import NAMED, USUAL, Range, read_range
from dashboards.requests import ConsoleRequest
from governance.evidence.queries import filter_from, typed_from
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import Position
from stateward.kernel.clock import now, parse_rfc3339
from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor

FACETS = ("outcome", "actor", "action", "namespace", "classification")
TYPED = ("key", "request_id", "run", "purpose", "policy")
KEPT = ("range", "from", "until", *FACETS, *TYPED, "q")
TITLES = {
    "outcome": "Outcome",
    "actor": "Actor",
    "action": "Action",
    "namespace": "Namespace",
    "classification": "Classification",
    "key": "Key",
    "request_id": "Request",
    "run": "Run",
    "policy": "Denied by policy",
    "purpose": "Purpose",
    "q": "Typed",
}


@dataclass(frozen=True, slots=True)
class Misread:
    """What was typed and not understood: up to the place, and from it on."""

    says: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    range: Range
    filter: RecordFilter
    given: dict[str, str]  # the conditions beside the time, as typed
    kept: dict[str, str]  # every parameter that links keep
    misread: Misread | None = None  # the page is shown without it then

    def url(self, **changes: str | None) -> str:
        """The query of the same page with some parameters changed, or taken out by None."""
        query = self.kept | {name: value for name, value in changes.items() if value is not None}
        for name, value in changes.items():
            if value is None:
                query.pop(name, None)
        return f"?{urlencode(query)}"

    def ranged(self, name: str) -> str:
        return self.url(**{"range": name, "from": None, "until": None})

    @property
    def ranges(self) -> list[dict[str, str]]:
        """The choices of the range's switch."""
        return [
            {"value": name, "label": label, "url": self.ranged(name)}
            for name, (label, _, _) in NAMED.items()
        ]


def asked(request: ConsoleRequest) -> Asked:
    """The filter of this page. Within the tenant's scope: names are looked up."""
    query = request.GET if request.method == "GET" else request.POST
    kept = {name: query[name].strip() for name in KEPT if query.get(name, "").strip()}
    # A record that was written while this page was asked for belongs to "now" as well.
    chosen = read_range(kept, now() + timedelta(seconds=1))
    given = {name: kept[name] for name in (*FACETS, *TYPED, "q") if name in kept}
    misread = None
    if "q" in given:
        misread = _misread(request, given["q"])
    fit = {name: text for name, text in given.items() if name != "q" or misread is None}
    wanted = filter_from(request.tenant.tenant_id, fit)
    wanted = replace(wanted, since=chosen.since, until=chosen.until)
    kept.setdefault("range", USUAL) if chosen.name else None
    return Asked(chosen, wanted, given, kept, misread)


def _misread(request: ConsoleRequest, text: str) -> Misread | None:
    """None where it is understood. An export of what is not is refused, never widened."""
    try:
        typed_from(request.tenant.tenant_id, text)
    except Malformed as fault:
        if request.method != "GET":
            raise
        at = int(fault.members.get("position", 0))
        return Misread(fault.detail, text[:at], text[at:])
    return None


def position(request: ConsoleRequest) -> Position | None:
    """Where ``?cursor=`` goes on; Malformed (400) for what was not given out."""
    cursor = request.GET.get("cursor")
    if not cursor:
        return None
    at, record_id = decode_cursor(cursor, length=2)
    try:
        return Position(parse_rfc3339(str(at)), UUID(str(record_id)))
    except (Malformed, ValueError):
        raise Malformed("The cursor is not one that was given out here.") from None


def moment_text(at: datetime) -> str:
    """For a field of type datetime-local, in UTC."""
    return f"{at:%Y-%m-%dT%H:%M:%S}"
