"""Writes that others have to agree to: answered 202, with where to ask how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stateward.gate.policy.exceptions import Denied
from stateward.kernel.flow import Flow, T
from stateward.state.dataplane.asked import Asked
from stateward.state.parsing import parse_known
from stateward.state.pending.holding import Kept, hold_back
from stateward.state.rendering import data_answer
from stateward.state.services.entries import Change, Conditions, Repeat
from stateward.state.services.transactions import Operation
from stateward.web.asgi import Answer


async def or_wait(
    asked: Asked, change: Change, conditions: Conditions, repeat: Repeat | None, flow: Flow[T]
) -> T | Kept:
    """What ``flow`` writes; or, where a policy wants others to agree first, what is kept of it."""
    operation = Operation(asked.namespace, asked.item, change, conditions)
    return await all_or_wait(asked, [operation], repeat, flow, is_transaction=False)


async def all_or_wait(
    asked: Asked,
    operations: Sequence[Operation],
    repeat: Repeat | None,
    flow: Flow[T],
    *,
    is_transaction: bool = True,
) -> T | Kept:
    try:
        return await asked.drive(flow)
    except Denied as refused:
        if parse_known(asked.request) is not None:
            raise
        return await asked.drive(
            hold_back(
                asked.actor,
                asked.call,
                operations,
                refused,
                repeat=repeat,
                is_transaction=is_transaction,
            )
        )


def waits(kept: Kept) -> Answer:
    place = f"/api/v1/pending/{kept.id}"
    body: dict[str, Any] = {"pending": str(kept.id), "location": place}
    answer = data_answer(202, body)
    answer.headers.append((b"location", place.encode()))
    if kept.is_replay:
        answer.headers.append((b"idempotency-replayed", b"true"))
    return answer
