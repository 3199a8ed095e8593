"""One measurement of one peer, in a process and an environment of its own; nothing of ours here.

Reads a plan from standard input, runs closed-loop workers for so many seconds, and writes one line
of JSON: rate, percentiles in milliseconds, CPU milliseconds an operation of this process.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

THREADS = 2_000
Work = Callable[[], Awaitable[Any]]
Pair = tuple[Work, Work, Callable[[], Awaitable[Any]]]  # write, read, close


async def saver(plan: dict[str, Any]) -> Pair:
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    pool = await _pool(plan)
    keeper = AsyncPostgresSaver(pool)
    await keeper.setup()
    value, steps = json.loads(plan["value"]), [0]

    def place() -> dict[str, Any]:
        thread = f"t{random.randint(1, THREADS)}"
        return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}

    async def write() -> None:
        steps[0] += 1
        version = f"{steps[0]:032}.0{steps[0]:016}"
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"state": value}
        checkpoint["channel_versions"] = {"state": version}
        checkpoint["updated_channels"] = ["state"]
        metadata = {"source": "loop", "step": steps[0], "parents": {}}
        await keeper.aput(place(), checkpoint, metadata, {"state": version})

    async def read() -> None:
        await keeper.aget_tuple(place())

    return write, read, pool.close


async def store(plan: dict[str, Any]) -> Pair:
    from langgraph.store.postgres.aio import AsyncPostgresStore

    pool = await _pool(plan)
    keeper = AsyncPostgresStore(pool)
    await keeper.setup()
    value = json.loads(plan["value"])

    def key() -> str:
        return f"k{random.randint(1, plan['keys'])}"

    async def write() -> None:
        await keeper.aput(("ns", "1"), key(), value)

    async def read() -> None:
        await keeper.aget(("ns", "1"), key(), refresh_ttl=False)

    return write, read, pool.close


async def session(plan: dict[str, Any]) -> Pair:
    from agents.extensions.memory import SQLAlchemySession
    from sqlalchemy.ext.asyncio import create_async_engine

    address = plan["dsn"].replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(address, pool_size=max(5, plan["connections"]), max_overflow=0)
    await SQLAlchemySession("made", engine=engine, create_tables=True).add_items(
        [{"role": "user", "content": "made"}]
    )
    item = {"role": "user", "content": json.loads(plan["value"])["note"]}
    known: dict[str, SQLAlchemySession] = {}

    def one() -> SQLAlchemySession:
        name = f"s{random.randint(1, THREADS)}"
        if name not in known:
            known[name] = SQLAlchemySession(name, engine=engine, create_tables=False)
        return known[name]

    async def write() -> None:
        await one().add_items([item])

    async def read() -> None:
        await one().get_items(limit=1)

    return write, read, engine.dispose


async def valkey(plan: dict[str, Any]) -> Pair:
    """SET and GET over the wire, one connection a worker."""
    idle: asyncio.Queue[Any] = asyncio.Queue()
    for _ in range(plan["connections"]):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", plan["port"]))
    value = plan["value"].encode()

    def key() -> bytes:
        return b"k%d" % random.randint(1, plan["keys"])

    async def ask(*words: bytes) -> bytes:
        reader, writer = idle.get_nowait()
        writer.write(b"*%d\r\n" % len(words))
        writer.write(b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        head: bytes = await reader.readline()
        if head.startswith(b"$") and head != b"$-1\r\n":
            await reader.readexactly(int(head[1:]) + 2)
        elif head.startswith(b"-"):
            raise RuntimeError(head.decode())
        idle.put_nowait((reader, writer))
        return head

    async def write() -> None:
        await ask(b"SET", key(), value)

    async def read() -> None:
        await ask(b"GET", key())

    async def close() -> None:
        while not idle.empty():
            idle.get_nowait()[1].close()

    return write, read, close


async def _pool(plan: dict[str, Any]) -> Any:
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    size = max(4, plan["connections"])
    kwargs = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool = AsyncConnectionPool(plan["dsn"], min_size=size, max_size=size, open=False, kwargs=kwargs)
    await pool.open(wait=True)
    return pool


PEERS = {
    "AsyncPostgresSaver": saver,
    "AsyncPostgresStore": store,
    "SQLAlchemySession": session,
    "valkey": valkey,
}


async def main(plan: dict[str, Any]) -> dict[str, float]:
    write, read, close = await PEERS[plan["peer"]](plan)
    work = write if plan["what"] == "write" else read
    for _ in range(5):
        await work()
    latencies: list[float] = []
    began, spent = time.perf_counter(), time.process_time()
    ends_at = began + plan["seconds"]

    async def worker() -> None:
        started = time.perf_counter()
        while started < ends_at:
            await work()
            done = time.perf_counter()
            latencies.append(1000 * (done - started))
            started = done

    await asyncio.gather(*(worker() for _ in range(plan["connections"])))
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    await close()
    latencies.sort()
    count = len(latencies)
    return {
        "count": count,
        "rate": count / seconds,
        "p50": latencies[count // 2],
        "p99": latencies[count * 99 // 100],
        "cpu": 1000 * spent / count,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(main(json.loads(sys.stdin.read())))) + "\n")
