"""Changes as they are told: prepared once, shared by all who are told of them.

Followers of one tenant read the same window of the log. What does not depend on the reader is made
once: which resources a decision is about, the opened value, the text that is sent. What does depend
on the reader is in ``sights.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import orjson

from stateward.feed.log import Announced, Look, SealedValue
from stateward.feed.tail import Batch
from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.policy.requests import Resource
from stateward.kernel.clock import rfc3339
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.detectors.masking import mask
from stateward.state.entries import open_data, parse_labels
from stateward.state.masking import NOTHING
from stateward.state.patches import difference
from stateward.state.rendering import exact
from stateward.state.values import decode

Values = Literal["none", "full", "patch"]
ENDS = frozenset({"delete", "expire", "purge"})  # leave no value, hence no labels
CHUNK_BYTES = 1024 * 1024  # of values in memory at once, for one reader
CHUNK_CHANGES = 64
LONGEST_PATCH = 256 * 1024  # bytes of both values; comparing larger ones takes too long
ROW_WEIGHT = 400  # bytes a change takes without its value, about


class Opened(NamedTuple):
    """A change's value, as JSON. ``patch`` leads from the version before to it, where one was
    asked for and could be made.
    """

    data: bytes | None
    patch: bytes | None


class Change:
    """One change. ``rules`` is given each time: a namespace's may differ from look to look."""

    __slots__ = ("_resources", "_rules", "_texts", "row")

    def __init__(self, row: Announced) -> None:
        self.row = row
        self._rules: NamespaceRules | None = None
        self._resources: tuple[Resource, ...] | None = None
        self._texts: dict[tuple[Values, bool, frozenset[str]], bytes] = {}

    def resources(self, rules: NamespaceRules) -> tuple[Resource, ...] | None:
        """What all must be readable for this change to be shown: the entry with the labels that
        the change gave it, and with those it has now; with those it had, where it ended. None
        where that cannot be said any more: it is shown to nobody.
        """
        if self._rules is not rules:
            self._rules = rules
            self._resources = self._resources_under(rules)
        return self._resources

    def before(self, rules: NamespaceRules) -> Resource | None:
        """The entry as the version before had it."""
        if self.row.labels_before is None:
            return None
        return rules.entry(self.row.key, parse_labels(self.row.labels_before))

    def body(
        self,
        *,
        has_more: bool,
        values: Values,
        opened: Opened | None,
        masks: frozenset[str] = NOTHING,
    ) -> dict[str, Any]:
        """How the change looks on the wire, with ``masks`` in place of those kinds."""
        row = self.row
        body: dict[str, Any] = {
            "cursor": row.place.cursor,
            "namespace": row.namespace,
            "key": row.key,
            "operation": row.operation,
            "version": row.version,
            "actor": {"type": row.actor_type, "id": str(row.actor_id), "name": row.actor_name},
            "at": rfc3339(row.at),
            "more": has_more,
        }
        if values == "none" or opened is None or opened.data is None:
            return body
        if values == "patch" and opened.patch is not None:
            return body | {"patch": orjson.Fragment(opened.patch)}
        if masks and (shown := mask(decode(opened.data), masks)).places:
            return body | {"value": orjson.Fragment(exact(shown.value)), "masked": shown.places}
        return body | {"value": orjson.Fragment(opened.data)}

    def event(
        self,
        *,
        has_more: bool,
        values: Values,
        opened: Opened | None,
        masks: frozenset[str] = NOTHING,
    ) -> bytes:
        """The same as a Server-Sent Event."""
        known = self._texts.get((values, has_more, masks))
        if known is None:
            data = exact(self.body(has_more=has_more, values=values, opened=opened, masks=masks))
            known = b"id: %s\ndata: %s\n\n" % (self.row.place.cursor.encode(), data)
            self._texts[values, has_more, masks] = known
        return known

    def _resources_under(self, rules: NamespaceRules) -> tuple[Resource, ...] | None:
        row = self.row
        if rules.id != row.namespace_id or not row.is_kept:
            return None
        asked = {row.labels}
        if row.operation in ENDS and row.version > 1:
            if row.labels_before is None:
                return None
            asked = {row.labels_before}
        if row.labels_now is not None:
            asked.add(row.labels_now)
        return tuple(rules.entry(row.key, parse_labels(labels)) for labels in asked)


class Window:
    """Some changes in their order."""

    def __init__(self, rows: Iterable[Announced]) -> None:
        self.changes = tuple(Change(row) for row in rows)
        self._opened: dict[tuple[int, bool], asyncio.Task[dict[int, Opened]]] = {}

    def chunks(self) -> Iterator[range]:
        """Positions, so many together that their values fit in memory."""
        start = size = 0
        for position, change in enumerate(self.changes):
            weight = change.row.size_bytes if change.row.has_value else 0
            if position > start and (
                size + weight > CHUNK_BYTES or position - start >= CHUNK_CHANGES
            ):
                yield range(start, position)
                start, size = position, 0
            size += weight
        if start < len(self.changes):
            yield range(start, len(self.changes))

    async def opened(
        self,
        chunk: range,
        *,
        with_before: bool,
        load: Callable[[Sequence[Change], bool], Awaitable[dict[int, Opened]]],
    ) -> dict[int, Opened]:
        """The values of a chunk by position, asked for once for all readers."""
        task = self._opened.get((chunk.start, with_before))
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            changes = self.changes[chunk.start : chunk.stop]
            task = asyncio.ensure_future(_numbered(load(changes, with_before), chunk.start))
            self._opened[chunk.start, with_before] = task
        return await asyncio.shield(task)


def batch_of(look: Look) -> Batch[Window]:
    """What one look found, for all who follow."""
    weight = sum(ROW_WEIGHT + (row.size_bytes if row.has_value else 0) for row in look.rows)
    return Batch(Window(look.rows), look.end, weight)


def open_changes(
    configuration: TenantConfiguration,
    changes: Sequence[Change],
    sealed: dict[int, SealedValue],
) -> dict[int, Opened]:
    """The values, opened; without those that were purged. Their namespaces' keys are loaded."""
    opened: dict[int, Opened] = {}
    for position, found in sealed.items():
        row = changes[position].row
        rules = configuration.namespaces.get(row.namespace or "")
        if rules is None or rules.id != row.namespace_id or found.value is None:
            continue
        keys = configuration.keys
        before: bytes | None = None
        try:
            data = open_data(keys, rules, row.key, found.id, found.value)
            if found.before_value is not None and found.before_id is not None:
                before = open_data(keys, rules, row.key, found.before_id, found.before_value)
        except CannotOpen:  # its key was destroyed: the change is told, its value is gone
            continue
        is_first = row.version == 1 or found.before_operation in ENDS
        opened[position] = Opened(data, _patch(before, data, is_first=is_first))
    return opened


def _patch(before: bytes | None, after: bytes, *, is_first: bool) -> bytes | None:
    if before is None and not is_first:
        return None
    if len(before or b"") + len(after) > LONGEST_PATCH:
        return None
    return exact(difference(None if before is None else decode(before), decode(after)))


async def _numbered(values: Awaitable[dict[int, Opened]], start: int) -> dict[int, Opened]:
    return {start + position: value for position, value in (await values).items()}
