"""Flows side by side: the reads that several of them wait for are made in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Executable, Flow, Rows, T
from stateward.state.statements import Read, ReadAll


class Ended(NamedTuple):
    """How a flow ended that was refused."""

    error: StatewardError


class _Pending(NamedTuple):
    place: int
    wants: Executable


def side_by_side(tenant_id: UUID, flows: Sequence[Flow[T]]) -> Flow[list[T | Ended]]:
    """Run the flows to their ends, in the order given; what each answers, or how it was refused.

    A flow is run until it wants to read a key; once all want to, or have ended, those reads are one
    statement. Any other statement is run for the flow that wants it.
    """
    results: list[T | Ended] = [Ended(StatewardError())] * len(flows)
    waiting: list[_Pending] = []
    for place, flow in enumerate(flows):
        yield from _advance(flow, place, None, results, waiting)
    while waiting:
        found = yield from _read(tenant_id, waiting)
        before, waiting = waiting, []
        for pending, rows in zip(before, found, strict=True):
            yield from _advance(flows[pending.place], pending.place, rows, results, waiting)
    return results


def _advance(
    flow: Flow[T],
    place: int,
    rows: Rows | None,
    results: list[T | Ended],
    waiting: list[_Pending],
) -> Flow[None]:
    """Run one flow up to its next read, or its end."""
    try:
        wants = next(flow) if rows is None else flow.send(rows)
        while not isinstance(wants, Read):
            wants = flow.send((yield wants))
        waiting.append(_Pending(place, wants))
    except StopIteration as end:
        results[place] = end.value
    except StatewardError as error:
        results[place] = Ended(error)


def _read(tenant_id: UUID, waiting: Sequence[_Pending]) -> Flow[list[Rows]]:
    """The rows of each read, none for a key that is not there."""
    reads = [pending.wants for pending in waiting if isinstance(pending.wants, Read)]
    found: list[Rows] = [[] for _ in reads]
    for row in (yield ReadAll(tenant_id, reads)):
        found[row[0]] = [row]
    return found
