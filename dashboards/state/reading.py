"""What one page of an entry reads: each value once, each read in the audit where it must be.

Values of public and internal namespaces are read with the page; those of confidential ones too,
and each look is a record. Those of restricted ones are read when somebody asks to reveal them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dashboards.requests import ConsoleRequest, record
from dashboards.state.changes import ABSENT, Change, TextLine, as_text, structural
from dashboards.state.panes import Keys
from dashboards.state.rights import rights
from stateward.kernel.errors import Forbidden, Gone, NotFound, StatewardError
from stateward.state.entries import Entry
from stateward.state.models import Namespace
from stateward.state.queries import (
    NEWEST,
    HistoryPage,
    entry_history,
    get_entry,
    get_entry_at,
    list_entries,
)
from stateward.tenancy.scope import run_flow, tenant_scope

HISTORY = 12
COMPARED_UNASKED = frozenset({"public", "internal"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks of an entry's page."""

    version: int | None = None  # None: the current one
    compare: int | None = None
    before: int = NEWEST  # of the history
    is_raw: bool = False
    is_text: bool = False
    is_revealed: bool = False

    @classmethod
    def of(cls, request: ConsoleRequest) -> Wanted:
        query = request.GET
        return cls(
            version=_number(query.get("version")),
            compare=_number(query.get("compare")),
            before=_number(query.get("before")) or NEWEST,
            is_raw=query.get("show") == "raw",
            is_text=query.get("diff") == "text",
            is_revealed=request.method == "POST",
        )


@dataclass(slots=True)
class Sight:
    """What there is to see of an entry."""

    key: str
    history: HistoryPage
    meta: Entry | None  # without value; None: deleted, or expired
    entry: Entry | None = None  # with value, of the version that is shown
    may: dict[str, bool] = field(default_factory=dict)
    is_masked: bool = False
    refusal: StatewardError | None = None
    gone: str = ""
    base: int | None = None
    changes: list[Change] = field(default_factory=list)
    text: list[TextLine] = field(default_factory=list)
    compare_fault: str = ""

    @property
    def latest(self) -> int:
        """The newest version that is known here."""
        newest = self.history.items[0].version if self.history.items else 0
        return max(newest, self.meta.version if self.meta else 0)

    @property
    def version(self) -> int:
        return self.entry.version if self.entry else self.latest

    @property
    def is_past(self) -> bool:
        return self.entry is not None and self.entry.version != self.latest


def look(
    request: ConsoleRequest, namespace: Namespace, key: str, keys: Keys, wanted: Wanted
) -> Sight:
    """The entry as this page shows it. NotFound where there is, and was, none."""
    actor, call, name = request.actor, request.call, namespace.name
    with tenant_scope(actor.tenant_id):
        history = run_flow(
            entry_history(actor, call, name, key, before=wanted.before, limit=HISTORY)
        )
        sight = Sight(key, history, _meta(request, name, key, keys))
        sight.may = rights(request, name, key, sight.meta.labels if sight.meta else None)
    if namespace.classification == "restricted" and not wanted.is_revealed:
        sight.is_masked = True
        return sight
    _read(request, name, wanted, sight)
    base = wanted.compare
    if base is None and namespace.classification in COMPARED_UNASKED:
        base = sight.version - 1
    if sight.entry is not None and base and base != sight.version:
        _compare(request, name, base, wanted, sight)
    return sight


def _meta(request: ConsoleRequest, name: str, key: str, keys: Keys) -> Entry | None:
    """The entry without its value, from the list beside it or by itself."""
    found = [one for one in keys.entries if one.key == key]
    if not found:
        page = list_entries(
            request.actor, request.call, name, prefix=key, limit=1, with_values=False
        )
        found = [one for one in run_flow(page).entries if one.key == key]
    return found[0] if found else None


def _read(request: ConsoleRequest, name: str, wanted: Wanted, sight: Sight) -> None:
    try:
        with tenant_scope(request.actor.tenant_id):
            sight.entry = value_of(request, name, sight.key, wanted.version)
    except Forbidden as refusal:
        record(request, refusal)
        sight.refusal = refusal
    except Gone as gone:
        sight.gone = gone.detail
    except NotFound:
        if wanted.version is not None and wanted.version > sight.latest:
            raise
        sight.gone = "This version is a deletion: it has no value."


def value_of(request: ConsoleRequest, name: str, key: str, version: int | None) -> Entry:
    """The current entry, or the one of ``version``. Within the tenant's scope."""
    if version is not None:
        return run_flow(get_entry_at(request.actor, request.call, name, key, version=version))
    found = run_flow(get_entry(request.actor, request.call, name, key))
    assert isinstance(found, Entry)  # noqa: S101  # it is only "unchanged" for who has it already
    return found


def _compare(request: ConsoleRequest, name: str, base: int, wanted: Wanted, sight: Sight) -> None:
    assert sight.entry is not None  # noqa: S101  # the caller looked
    try:
        old: Any = ABSENT
        with tenant_scope(request.actor.tenant_id):
            old = value_of(request, name, sight.key, base).value
    except Forbidden as refusal:
        record(request, refusal)
        sight.compare_fault = f"You may not read version {base}: {refusal.detail}"
        return
    except Gone as gone:
        sight.compare_fault = f"Version {base}: {gone.detail}"
        return
    except NotFound:
        pass  # a deletion: everything is new
    sight.base = base
    older, newer = old, sight.entry.value
    if base > sight.version:
        older, newer = newer, older
    sight.changes = structural(older, newer) if older is not ABSENT else [_whole(newer)]
    if wanted.is_text:
        sight.text = as_text(older, newer)


def _whole(value: Any) -> Change:
    return replace(structural(None, [value])[0], sign="+", pointer="", old=None)


def _number(text: str | None) -> int | None:
    if text and text.isascii() and text.isdigit() and len(text) < 16:
        return int(text) or None
    return None
