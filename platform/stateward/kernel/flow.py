"""One implementation, two drivers.

A *flow* is a generator free of I/O: it yields the statements it needs and receives their rows, so
that the data plane
(asynchronous) and the console and jobs (synchronous) run the very same lines. Flows call each other
with ``yield from``.

    def entry_version(tenant_id: UUID, key: str) -> Flow[int | None]:
        rows = yield Statement("SELECT version FROM ... WHERE tenant_id = %s AND key = %s",
        (tenant_id, key))
        return rows[0][0] if rows else None
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]
Rows = list[Row]


class Executable(Protocol):
    """What a flow may yield: SQL with ``%s`` places, and what goes in them."""

    @property
    def sql(self) -> str: ...

    @property
    def parameters(self) -> Sequence[Any] | Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with ``%s`` places, and what goes in them. A statement without rows answers an empty
    list.
    """

    sql: str
    parameters: Sequence[Any] | Mapping[str, Any] = ()


Flow = Generator[Executable, Rows, T]


def run(flow: Flow[T], execute: Callable[[Executable], Rows]) -> T:
    """Drive ``flow`` with a synchronous ``execute``; what ``execute`` raises is raised inside the
    flow.
    """
    try:
        statement = next(flow)
        while True:
            try:
                rows = execute(statement)
            except Exception as error:
                statement = flow.throw(error)
            else:
                statement = flow.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration is not generic


async def arun(flow: Flow[T], execute: Callable[[Executable], Awaitable[Rows]]) -> T:
    """The same, with an asynchronous ``execute``."""
    try:
        statement = next(flow)
        while True:
            try:
                rows = await execute(statement)
            except Exception as error:
                statement = flow.throw(error)
            else:
                statement = flow.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
