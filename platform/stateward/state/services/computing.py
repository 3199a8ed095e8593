"""How a change becomes the new value of a key, by the namespace's mode.

What computes from the old value reads it, and is written under the version it read. In the first
try the old value may be what the process remembers; whatever would be refused on the ground of it
is computed once more from the database's. Several who compute from one key take turns
(``turns.py``).

    mode                put                     patch          action          roll back
    last_write_wins     the value               on the newest  409             the old value
    versioned           the value               on the newest  409             the old value
    merge               onto the named version, merged with what stands        the old value
    reducer             409 use_actions         409            the reducer     the old value
    crdt                409 use_actions         409            the document    as operations
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from stateward.kernel.errors import Fault, Gone, PreconditionFailed, StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.state import patches
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.crdt import kinds
from stateward.state.entries import meet_keys, open_whole
from stateward.state.exceptions import ActionConflict, MergeConflict, NoSuchEntry, UseActions
from stateward.state.merging import ABSENT, merge
from stateward.state.reducers import reduce
from stateward.state.services.changes import Action, Conditions, Patch, Put, RollBack
from stateward.state.statements import REVISION, Found, Read, Revision
from stateward.state.turns import Turn
from stateward.state.values import decode, parts

MAX_CONFLICTS = 100  # named in one answer

ValueChange = Put | Patch | RollBack | Action


@dataclass(slots=True)
class Tries:
    """What the tries of one write share: whether its turn has come, and what it has found out."""

    has_turn: bool = False
    is_moved: bool = False  # another was quicker: what the process remembers is old


class Computed(NamedTuple):
    """The new value, and what it rests on."""

    value: Any
    state: bytes | None = None  # the replica state that is sealed beside it
    version: int | None = None  # computed from this version
    is_first: bool = False  # computed from there being no entry
    is_merged: bool = False  # the version that the caller named was the merge's base


class Old(NamedTuple):
    """The value that stands, ABSENT where there is none."""

    value: Any
    state: bytes | None = None
    version: int | None = None
    row: Found | None = None


NOTHING = Old(ABSENT)


@dataclass(frozen=True, slots=True)
class Computation:
    """One change of one key, under one configuration."""

    configuration: TenantConfiguration
    rules: NamespaceRules
    key: str
    conditions: Conditions
    tries: Tries | None = None  # None: no turn is taken, as in a transaction

    def of(self, change: ValueChange) -> Flow[Computed]:
        """What the change makes of the key. The caller is told what is wrong as of a value that
        surely is the newest.
        """
        mode = self.rules.concurrency
        if isinstance(change, Put):
            return (yield from self._put(mode, change))
        if isinstance(change, Action):
            return (yield from self._action(mode, change))
        if isinstance(change, Patch):
            return (yield from self._patch(mode, change))
        return (yield from self._roll_back(mode, change))

    def _put(self, mode: str, change: Put) -> Flow[Computed]:
        if mode in {"reducer", "crdt"}:
            if not change.in_any_mode:
                raise UseActions
            return (yield from self._become(mode, change.value))
        if mode != "merge" or self.conditions.if_version is None or change.in_any_mode:
            return Computed(change.value)
        if self.tries is not None and not self.tries.is_moved:
            # Mostly the named version still is the newest: the statement says when it is not.
            return Computed(change.value, version=self.conditions.if_version, is_merged=True)
        return (yield from self._merged(lambda _base: change.value))

    def _patch(self, mode: str, change: Patch) -> Flow[Computed]:
        if mode in {"reducer", "crdt"}:
            raise UseActions
        apply = patches.merge_patch if change.is_merge else patches.json_patch

        def patched(old: Old) -> Computed:
            if old.value is ABSENT:
                raise self._absent()
            return Computed(apply(old.value, change.document), version=old.version)

        if mode == "merge" and self.conditions.if_version is not None:
            return (yield from self._merged(lambda base: apply(base, change.document)))
        return (yield from self._from_old(patched))

    def _action(self, mode: str, change: Action) -> Flow[Computed]:
        if mode == "reducer" and (reducer := self.rules.reducer) is not None:

            def acted(old: Old) -> Computed:
                value = reduce(reducer, old.value, change.type, change.payload)
                return _from(old, value)

        elif mode == "crdt" and (kind := self.rules.crdt) is not None:

            def acted(old: Old) -> Computed:
                return _from(
                    old, *kinds.act(kind, self._state(kind, old), change.type, change.payload)
                )

        else:
            raise ActionConflict("The namespace takes no actions: its values are put and patched.")
        return (yield from self._from_old(acted))

    def _roll_back(self, mode: str, change: RollBack) -> Flow[Computed]:
        value = yield from self.value_of(change.version)
        if mode == "crdt":
            return (yield from self._become(mode, value))
        return Computed(value)

    def _become(self, mode: str, value: Any) -> Flow[Computed]:
        """A given value in a mode that has actions: in ``crdt`` by operations that lead to it, so
        that replicas which were away converge with it.
        """
        kind = self.rules.crdt
        if mode != "crdt" or kind is None:
            return Computed(value)
        return (
            yield from self._from_old(
                lambda old: _from(old, *kinds.become(kind, self._state(kind, old), value))
            )
        )

    def _state(self, kind: str, old: Old) -> bytes | None:
        """The replica state; of a value that another mode left, that of a key that begins so."""
        if old.value is ABSENT or old.state is not None:
            return old.state
        return kinds.become(kind, None, old.value).state

    def _merged(self, ours_of: Callable[[Any], Any]) -> Flow[Computed]:
        """``ours`` and what stands, brought together on the version that the caller named."""
        named = self.conditions.if_version or 0
        yield from self._take_turn()
        old = yield from self._old(is_remembered=False)
        if old.row is None or old.version is None or named > old.version:
            raise PreconditionFailed(current_version=old.version)
        if named == old.version:
            return Computed(ours_of(old.value), version=old.version, is_merged=True)
        base = yield from self._base(named, old.row)
        merged = merge(base, old.value, ours_of(base))
        if merged.conflicts:
            named_places = merged.conflicts[:MAX_CONFLICTS]
            raise MergeConflict(
                conflicts=list(named_places),
                current_version=old.version,
                errors=tuple(
                    Fault(f"/value{place}", "changed on both sides") for place in named_places
                ),
            )
        return Computed(merged.value, version=old.version, is_merged=True)

    def _base(self, version: int, current: Found) -> Flow[Any]:
        """The value both sides began from. 412 where it is none any more: purged, or of an entry
        that was deleted since; who reads again can write on the version that stands.
        """
        rows = yield Statement(
            REVISION, (self.configuration.tenant_id, self.rules.id, self.key, version)
        )
        row = Revision(*rows[0]) if rows else None
        if row is None or row.value is None or row.created_at != current.created_at:
            raise PreconditionFailed(
                "The version you named can no longer be merged with: it was purged, or the entry "
                "was deleted since.",
                current_version=current.version,
            )
        yield from meet_keys(self.configuration.keys, self.rules, (row,))
        return self._opened(row.id, row.value)[0]

    def _from_old(self, compute: Callable[[Old], Computed]) -> Flow[Computed]:
        """Compute from what is remembered, if it will do; else from what the database has."""
        yield from self._take_turn()
        if self.tries is not None and not self.tries.is_moved:
            old = yield from self._old(is_remembered=True)
            if old is not NOTHING:
                try:
                    return compute(old)
                except StatewardError:
                    pass  # is it so of what stands now?
        return compute((yield from self._old(is_remembered=False)))

    def _take_turn(self) -> Flow[None]:
        if self.tries is not None and not self.tries.has_turn:
            yield Turn(self.configuration.tenant_id, self.rules.id, self.key)
            self.tries.has_turn = True

    def _old(self, *, is_remembered: bool) -> Flow[Old]:
        read = Read(self.configuration.tenant_id, self.rules.id, self.key, as_base=is_remembered)
        rows = yield read
        if not rows:
            return NOTHING
        row = Found(*rows[0])
        yield from meet_keys(self.configuration.keys, self.rules, (row,))
        value, state = self._opened(row.write_id, row.value or b"")
        return Old(value, state, row.version, row)

    def _opened(self, write_id: Any, sealed: bytes) -> tuple[Any, bytes | None]:
        whole = open_whole(self.configuration.keys, self.rules, self.key, write_id, sealed)
        data, state = parts(whole)
        return decode(data), state

    def _absent(self) -> StatewardError:
        if self.conditions.if_version is not None:
            return PreconditionFailed(current_version=None)
        return NoSuchEntry()

    def value_of(self, version: int) -> Flow[Any]:
        """The value of a version. 404 where there is none, 410 where its value is gone."""
        row = yield from self.revision(version)
        if row.value is None:
            raise Gone(
                "That version has no value: it was a deletion, or the value has been purged."
            )
        yield from meet_keys(self.configuration.keys, self.rules, (row,))
        return self._opened(row.id, row.value)[0]

    def revision(self, version: int) -> Flow[Revision]:
        rows = yield Statement(
            REVISION, (self.configuration.tenant_id, self.rules.id, self.key, version)
        )
        if not rows:
            raise NoSuchEntry
        return Revision(*rows[0])


def _from(old: Old, value: Any, state: bytes | None = None) -> Computed:
    return Computed(value, state, old.version, is_first=old.version is None)
