"""The kinds of acts to which others may have to agree. Each app registers its own at start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stateward.gate.approvals.exceptions import NoSuchKind
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.policy.requests import Resource
from stateward.tenancy.actors import Actor, Call

MOST_NEEDED = 3


@dataclass(frozen=True, slots=True)
class Compared:
    """Two texts whose difference shows what is asked for."""

    before_title: str
    before: str
    after_title: str
    after: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of act.

    ``approve``: the action that whoever agrees must be permitted on ``resource(request)``.
    ``needed``: how many others must agree where the tenant says nothing (0: none). ``perform``
    carries the act out inside the last vote's transaction, ``actor`` being who voted last; without
    it the asker repeats the act, which then calls ``services.use``. ``ask``: where one asks for it
    over REST, for the refusal of an act that nobody agreed to. ``is_listed``: whether the tenant
    sets a number of its own. ``compared``: what its page shows the difference of.
    """

    name: str
    title: str
    approve: str
    resource: Callable[[ApprovalRequest], Resource]
    needed: int = 0
    perform: Callable[[ApprovalRequest, Actor, Call], None] | None = None
    ask: str = ""
    is_listed: bool = True
    compared: Callable[[ApprovalRequest], Compared | None] | None = None


_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _KINDS[kind.name] = kind


def find_kind(name: str) -> Kind:
    """The kind of this name; NoSuchKind (404)."""
    if name not in _KINDS:
        raise NoSuchKind
    return _KINDS[name]


def listed_kinds() -> list[Kind]:
    """Those a tenant sets a number for, by title."""
    return sorted((kind for kind in _KINDS.values() if kind.is_listed), key=lambda one: one.title)
