"""A line at a key: in order of arrival, and nobody stands in it who has gone."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from stateward.kernel.flow import Executable, Flow, Rows, Statement, arun
from stateward.state.turns import Turn, TurnNotCome, Turns

PLACE = UUID(int=1)
HERE, ELSEWHERE = Turn(PLACE, PLACE, "here"), Turn(PLACE, PLACE, "elsewhere")


async def nothing(_: Executable) -> Rows:
    await asyncio.sleep(0)
    return []


def flow(order: list[int], number: int, turn: Turn = HERE) -> Flow[None]:
    yield turn
    order.append(number)
    yield Statement("SELECT 1")
    order.append(number)


async def drive(turns: Turns, steps: Flow[None]) -> None:
    async with turns.taken_by(nothing) as execute:
        await arun(steps, execute)


async def test_each_goes_when_the_one_before_has_ended() -> None:
    turns, order = Turns(), list[int]()

    await asyncio.gather(*(drive(turns, flow(order, number)) for number in range(20)))

    assert order == [number for number in range(20) for _ in range(2)]
    assert len(turns) == 0


async def test_another_key_has_a_line_of_its_own() -> None:
    turns, order = Turns(), list[int]()
    await turns.come(HERE)

    await drive(turns, flow(order, 1, ELSEWHERE))

    assert order == [1, 1]
    turns.end(HERE)
    assert len(turns) == 0


async def test_who_fails_or_goes_away_keeps_nobody_waiting() -> None:
    turns, order = Turns(), list[int]()

    def failing() -> Flow[None]:
        yield HERE
        yield Statement("SELECT 1")
        raise ValueError("on purpose")

    tasks = [asyncio.create_task(drive(turns, each)) for each in (
        failing(), flow(order, 1), flow(order, 2), flow(order, 3),
    )]  # fmt: skip
    await asyncio.sleep(0)
    tasks[2].cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(end) for end in ends] == [
        ValueError, type(None), asyncio.CancelledError, type(None),
    ]  # fmt: skip
    assert order == [1, 1, 3, 3]
    assert len(turns) == 0


async def test_who_is_cancelled_as_the_turn_comes_hands_it_on() -> None:
    turns = Turns()
    await turns.come(HERE)
    second, third = (asyncio.create_task(turns.come(HERE)) for _ in range(2))
    await asyncio.sleep(0)

    turns.end(HERE)  # the second's turn has come, and it has not noticed yet
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)

    if second.cancelled():
        await asyncio.wait_for(third, 1)
        turns.end(HERE)
    else:  # it noticed first: its turn is its own
        turns.end(HERE)
        await asyncio.wait_for(third, 1)
        turns.end(HERE)
    assert len(turns) == 0


async def test_nobody_waits_for_ever() -> None:
    turns = Turns()
    await turns.come(HERE)

    with pytest.raises(TurnNotCome):
        await turns.come(HERE, within=0.01)

    turns.end(HERE)
    assert len(turns) == 0
