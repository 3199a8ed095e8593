"""What the feed takes: how long from a write's answer to its followers, and what of the write rate.

Followers are raw sockets in one process of their own (``python -m bench.feed``), so that what they
cost is not counted with the server. A written value names the moment its answer came; the followers
compare on the same clock.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

from bench.machine import percentiles

CURSOR = re.compile(rb"\nid: |^id: ")
KEY = re.compile(rb'"key":"(p\d+)"')


class Follower(asyncio.Protocol):
    """One socket that follows; notes when each probe's change arrived."""

    def __init__(self, plan: dict[str, Any], number: int) -> None:
        self.plan = plan
        self.number = number
        self.buffer = b""
        self.seen: dict[bytes, float] = {}
        self.count = 0
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(
            f"GET /api/v1/changes?after=now HTTP/1.1\r\nHost: bench\r\n"
            f"Accept: text/event-stream\r\n{self.plan['headers']}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.begun.done() and b"retry:" in data:
            self.begun.set_result(None)
        self.buffer += data
        cut = self.buffer.rfind(b"\n\n")
        if cut < 0:
            return
        text, self.buffer = self.buffer[:cut], self.buffer[cut:]
        self.count += text.count(b"\ndata: ")
        for key in KEY.findall(text):
            self.seen.setdefault(key, now)


class Prober:
    """Writes now and then over a connection of its own."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.answered: dict[bytes, float] = {}

    async def run(self, seconds: float, pause: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.plan["port"])
        until = time.perf_counter() + seconds
        number = 0
        while time.perf_counter() < until:
            number += 1
            body = json.dumps({"value": {"n": number}}).encode()
            path = self.plan["path"].format(key=f"p{number}")
            writer.write(
                f"PUT {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                f"{self.plan['headers']}Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            moment = time.perf_counter()
            if head[9:10] != b"2":
                raise RuntimeError(f"a probe was answered {head[:60]!r}")
            length = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
            await reader.readexactly(length)
            self.answered[f"p{number}".encode()] = moment
            await asyncio.sleep(pause)
        writer.close()


async def follow(plan: dict[str, Any]) -> dict[str, Any]:
    """Latencies in seconds, of each probe to each follower and to its last one."""
    loop = asyncio.get_running_loop()
    followers = []
    for number in range(plan["followers"]):
        _, follower = await loop.create_connection(
            lambda number=number: Follower(plan, number), "127.0.0.1", plan["port"]
        )
        followers.append(follower)
    await asyncio.wait_for(asyncio.gather(*(one.begun for one in followers)), 120)
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    prober = Prober(plan)
    await asyncio.sleep(plan["settle"])
    await prober.run(plan["seconds"], plan["pause"])
    await asyncio.sleep(2)
    each: list[float] = []
    last: list[float] = []
    missed = 0
    for key, moment in prober.answered.items():
        arrived = [one.seen[key] - moment for one in followers if key in one.seen]
        missed += len(followers) - len(arrived)
        each += arrived
        last.append(max(arrived, default=0.0))
    for one in followers:
        one.transport.close()
    return {
        "probes": len(prober.answered),
        "missed": missed,
        "each": percentiles(each),
        "last": percentiles(last),
        "told": sum(one.count for one in followers),
    }


if __name__ == "__main__":
    import uvloop

    sys.stdout.write(json.dumps(uvloop.run(follow(json.loads(sys.stdin.read())))))
