"""Holds: what nobody and nothing may delete, whatever a rule, a time to live or an owner says.

A hold belongs to a matter and keeps what its scope covers: the whole tenant, a namespace with all
beneath it, keys that fit a pattern, what a custodian wrote last; of several parts all must fit. It
never ends by itself. Holds in force are part of a tenant's configuration, so placing or releasing
one raises the epoch, and no delete whose statement starts afterwards escapes it.

A whole-namespace hold is known before any row is read. One that asks who wrote last is answered on
the row, under the very version that is then deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from stateward.kernel.flow import Flow, Statement
from stateward.state.patterns import KeyPattern, key_pattern

IN_FORCE = """
SELECT id, matter, namespace, key_pattern, custodian_id FROM stateward_hold
WHERE tenant_id = %s AND released_at IS NULL ORDER BY id
"""
NOBODY: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldScope:
    """A hold in force, as what it covers."""

    id: UUID
    matter: str
    namespace: str  # with all beneath it; "": every namespace
    pattern: KeyPattern | None
    custodian: UUID | None

    @property
    def is_whole(self) -> bool:
        """Whether it keeps all of each namespace that it reaches."""
        return self.pattern is None and self.custodian is None

    def reaches(self, namespace: str) -> bool:
        return is_beneath(namespace, self.namespace)

    def covers(self, key: str, writers: Collection[UUID]) -> bool:
        """Whether it keeps ``key``, last written by one of ``writers``, of a namespace it
        reaches.
        """
        if self.pattern is not None and not self.pattern.matches(key):
            return False
        return self.custodian is None or self.custodian in writers


@dataclass(frozen=True, slots=True)
class NamespaceHolds:
    """The holds that reach one namespace."""

    whole: tuple[HoldScope, ...] = ()
    partial: tuple[HoldScope, ...] = ()

    @property
    def custodians(self) -> frozenset[UUID]:
        """Whose writing matters here; empty where the whole is kept anyway."""
        if self.whole:
            return frozenset()
        return frozenset(hold.custodian for hold in self.partial if hold.custodian is not None)

    def covering(self, key: str, writers: Collection[UUID] = NOBODY) -> tuple[HoldScope, ...]:
        if not self.partial:
            return self.whole
        return self.whole + tuple([hold for hold in self.partial if hold.covers(key, writers)])

    def keeps(self, key: str, writers: Collection[UUID] = NOBODY) -> bool:
        return bool(self.whole) or any(hold.covers(key, writers) for hold in self.partial)


NO_HOLDS = NamespaceHolds()


class Holds:
    """A tenant's holds in force."""

    __slots__ = ("_known", "all")

    def __init__(self, scopes: Iterable[HoldScope] = ()) -> None:
        self.all = tuple(scopes)
        self._known: dict[str, NamespaceHolds] = {}

    def on_namespace(self, name: str) -> NamespaceHolds:
        if not self.all:
            return NO_HOLDS
        known = self._known.get(name)
        if known is None:
            reaching = [hold for hold in self.all if hold.reaches(name)]
            known = self._known[name] = NamespaceHolds(
                tuple([hold for hold in reaching if hold.is_whole]),
                tuple([hold for hold in reaching if not hold.is_whole]),
            )
        return known


def load_holds(tenant_id: UUID) -> Flow[Holds]:
    """The holds in force now."""
    rows = yield Statement(IN_FORCE, (tenant_id,))
    return Holds(hold_scope(*row) for row in rows)


def hold_scope(
    hold_id: UUID, matter: str, namespace: str, pattern: str, custodian: UUID | None
) -> HoldScope:
    compiled = key_pattern(pattern) if pattern else None
    return HoldScope(hold_id, matter, namespace, compiled, custodian)


def is_beneath(name: str, root: str) -> bool:
    """Whether ``name`` is ``root`` or lies beneath it; everything lies beneath ""."""
    return not root or name == root or name.startswith(f"{root}.")
