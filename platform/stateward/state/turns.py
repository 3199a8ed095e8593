"""Taking turns at one key: those who compute from its value go one after another, as they came.

Without it, of a hundred increments that arrive together each reads the same value, one is written
and ninety-nine read again: their number of tries grows with the number of callers. With it each
computes from what the one before has written, and meets a conflict only where another process was
quicker. A turn is this process's alone: it holds no lock, and the version is still compared by the
statement.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from stateward.kernel.errors import Unavailable
from stateward.kernel.flow import Executable, Rows

Execute = Callable[[Executable], Awaitable[Rows]]

MAX_WAIT_SECONDS = 15.0  # as long as a statement may take


class TurnNotCome(Unavailable):
    """Too many wait for this key; nothing was written."""

    code = "turn_not_come"


class Turn(NamedTuple):
    """A flow that yields it goes on when it is the first in line for the key, and stays that until
    it ends. The synchronous driver has no line: there it is a statement without rows.
    """

    tenant_id: UUID
    namespace_id: UUID
    key: str

    @property
    def sql(self) -> str:
        return "SELECT 1 WHERE false"

    @property
    def parameters(self) -> Sequence[Any]:
        return ()


class Taken:
    """What ``Turns.taken_by`` gives: every flow passes here, so it is made of little."""

    __slots__ = ("_execute", "_taken", "_turns")

    def __init__(self, turns: Turns, execute: Execute) -> None:
        self._turns, self._execute = turns, execute
        self._taken: list[Turn] = []

    async def __aenter__(self) -> Execute:
        return self._execute_in_turn

    async def __aexit__(self, *_: object) -> None:
        for turn in self._taken:
            self._turns.end(turn)

    async def _execute_in_turn(self, statement: Executable) -> Rows:
        if not isinstance(statement, Turn):
            return await self._execute(statement)
        await self._turns.come(statement)
        self._taken.append(statement)
        return []


@dataclass(slots=True)
class Turns:
    """The lines of a process: who waits behind the one whose turn it is, by key."""

    _waiting: dict[Turn, deque[asyncio.Future[None]]] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many keys have a line."""
        return len(self._waiting)

    def taken_by(self, execute: Execute) -> Taken:
        """``execute`` for a flow that may take turns: they end with the block."""
        return Taken(self, execute)

    async def come(self, turn: Turn, *, within: float = MAX_WAIT_SECONDS) -> None:
        """Wait for the turn, which then must be ended. 503 ``turn_not_come`` after ``within``
        seconds.
        """
        line = self._waiting.get(turn)
        if line is None:
            self._waiting[turn] = deque()
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await asyncio.wait_for(mine, within)
        except TimeoutError:
            raise TurnNotCome from None
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it had just come: the next one has it
                self.end(turn)
            raise

    def end(self, turn: Turn) -> None:
        """The turn is over: the next in line has it."""
        line = self._waiting[turn]
        while line:
            following = line.popleft()
            if not following.done():  # those who went away are passed over
                following.set_result(None)
                return
        del self._waiting[turn]
