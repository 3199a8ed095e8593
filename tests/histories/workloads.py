"""What clients do in each mode of a namespace, and by which judge it is judged."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.histories import judges
from tests.histories.judges import Judge
from tests.histories.recorded import Recorder

ACCOUNTS = ("a0", "a1", "a2", "a3")
GROUP = ("g0", "g1", "g2")
MONEY = 100

Step = Callable[[Recorder, int, random.Random], Awaitable[None]]


@dataclass(frozen=True)
class Workload:
    """``settings`` make the namespace; ``step`` is one thing that a client does."""

    step: Step
    judge: Judge
    settings: dict[str, Any] = field(default_factory=dict)
    opening: Step | None = None


async def _read(recorder: Recorder, client: int, key: str) -> Any:
    return await recorder.call(client, "read", (key,), None, ("GET", f"/entries/{key}"))


async def _last_write_wins(recorder: Recorder, client: int, chance: random.Random) -> None:
    key = f"r{chance.randrange(3)}"
    if chance.random() < 0.4:
        await _read(recorder, client, key)
        return
    name = uuid4().hex
    await recorder.call(
        client, "write", (key,), name, ("PUT", f"/entries/{key}"), json={"value": {"id": name}}
    )


async def _versioned(recorder: Recorder, client: int, chance: random.Random) -> None:
    key = f"r{chance.randrange(3)}"
    found = await _read(recorder, client, key)
    headers = {"If-Match": f'"{found["version"]}"'} if found else {"If-None-Match": "*"}
    name = uuid4().hex
    await recorder.call(
        client, "write", (key,), name, ("PUT", f"/entries/{key}"),
        json={"value": {"id": name}}, headers=headers,
    )  # fmt: skip


async def _counter(
    recorder: Recorder, client: int, chance: random.Random, action: Callable[[int], Any]
) -> None:
    key = f"n{chance.randrange(2)}"
    if chance.random() < 0.3:
        await _read(recorder, client, key)
        return
    by = chance.randint(1, 9)
    await recorder.call(
        client, "act", (key,), by, ("POST", f"/entries/{key}/actions"), json=action(by)
    )


async def _reducer(recorder: Recorder, client: int, chance: random.Random) -> None:
    await _counter(recorder, client, chance, lambda by: {"type": "add", "payload": by})


async def _crdt(recorder: Recorder, client: int, chance: random.Random) -> None:
    await _counter(
        recorder, client, chance, lambda by: {"type": "increment", "payload": {"by": by}}
    )


async def _append(recorder: Recorder, client: int, chance: random.Random) -> None:
    name = uuid4().hex
    await recorder.call(
        client, "act", ("log",), name, ("POST", "/entries/log/actions"),
        json={"type": "append", "payload": name},
    )  # fmt: skip


async def _merge(recorder: Recorder, client: int, chance: random.Random) -> None:
    found = await _read(recorder, client, "doc")
    value = {**(found["value"] if found else {}), f"c{client}": (name := uuid4().hex)}
    headers = {"If-Match": f'"{found["version"]}"'} if found else {"If-None-Match": "*"}
    await recorder.call(
        client, "write", ("doc",), name, ("PUT", "/entries/doc"),
        json={"value": value}, headers=headers,
    )  # fmt: skip


async def _together(recorder: Recorder, client: int, chance: random.Random) -> None:
    if chance.random() < 0.5:
        await _read_many(recorder, client, GROUP)
        return
    name = uuid4().hex
    keys = chance.sample(GROUP, len(GROUP))
    operations = [{"op": "put", "key": key, "value": {"id": name}} for key in keys]
    await _transact(recorder, client, GROUP, name, operations)


async def _open_accounts(recorder: Recorder, client: int, chance: random.Random) -> None:
    value = {"n": MONEY, "id": "opening"}
    operations = [{"op": "put", "key": key, "value": value} for key in ACCOUNTS]
    await _transact(recorder, client, ACCOUNTS, "opening", operations)


async def _transfers(recorder: Recorder, client: int, chance: random.Random) -> None:
    found = await _read_many(recorder, client, ACCOUNTS)
    if not found:
        return
    accounts = {entry["key"]: entry for entry in found["items"]}
    giver, taker = chance.sample(ACCOUNTS, 2)
    name, amount = uuid4().hex, chance.randint(1, 20)
    operations = [
        {
            "op": "put", "key": key, "if_version": accounts[key]["version"],
            "value": {"n": accounts[key]["value"]["n"] + by, "id": name},
        }
        for key, by in ((giver, -amount), (taker, amount))
    ]  # fmt: skip
    operations.append({"op": "check", "key": "closed", "if_absent": True})
    await _transact(recorder, client, (giver, taker), name, operations)


async def _read_many(recorder: Recorder, client: int, keys: tuple[str, ...]) -> Any:
    return await recorder.call(
        client, "read_many", keys, None, ("POST", "/reads"), json={"keys": [*keys]}
    )


async def _transact(
    recorder: Recorder, client: int, keys: tuple[str, ...], name: str, operations: list[Any]
) -> None:
    await recorder.call(
        client, "transact", keys, name, ("POST", "/transactions"), json={"operations": operations}
    )


ADD = {"concurrency": "reducer", "reducer": {"name": "add"}}
APPEND = {"concurrency": "reducer", "reducer": {"name": "append"}}
COUNTER = {"concurrency": "crdt", "crdt": {"type": "counter"}}
WORKLOADS: dict[str, Workload] = {
    "last_write_wins": Workload(_last_write_wins, judges.registers),
    "versioned": Workload(_versioned, judges.registers, {"concurrency": "versioned"}),
    "merge": Workload(_merge, judges.members, {"concurrency": "merge"}),
    "reducer": Workload(_reducer, judges.counters, ADD),
    "append": Workload(_append, judges.lists, APPEND),
    "crdt": Workload(_crdt, judges.counters, COUNTER),
    "transactions": Workload(_together, judges.transactions),
    "transfers": Workload(
        _transfers, judges.balanced(MONEY * len(ACCOUNTS)), opening=_open_accounts
    ),
}
