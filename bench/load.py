"""A closed-loop HTTP load generator: keep-alive connections, each sending its next request when it
has its answer.

Runs as a process of its own (``python -m bench.load``), so that its CPU is not counted with the
server's. It does not correct for coordinated omission: p99 is that of a closed loop. Where ``wrk``
is installed that one is used instead, because it takes less of the machine; this one also fills
(each key once) and paces (so many requests a second).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class Run:
    """What all connections of one run share."""

    plan: dict[str, Any]
    ends_at: float
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    sent: count[int] = field(default_factory=lambda: count(1))

    def request(self) -> bytes | None:
        """The next one; None when it is enough."""
        number = next(self.sent)
        fill = self.plan.get("fill")
        if (fill and number > fill) or (not fill and time.perf_counter() >= self.ends_at):
            return None
        key = f"k{number if fill else random.randint(1, self.plan['keys'])}"
        block = str(random.randint(1, self.plan["keys"] or 1))
        body = self.plan["body"].replace("{block}", block).encode()
        head = (
            f"{self.plan['method']} {self.plan['path'].format(key=key)} HTTP/1.1\r\nHost: bench\r\n"
            f"{self.plan['headers']}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection; reads just enough HTTP to know when an answer is complete."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = b""
        self.due = time.perf_counter()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = self.run.request()
        if request is None:
            self.transport.close()
            return
        self.started = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, gap, rest = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self.run.latencies.append(time.perf_counter() - self.started)
        self.run.statuses[head[9:12].decode()] += 1
        self.buffer = b""
        rate = self.run.plan.get("rate")
        if rate is None:
            self.send()
            return
        self.due += self.run.plan["connections"] / rate
        wait = max(0.0, self.due - time.perf_counter())
        asyncio.get_running_loop().call_later(wait, self.send)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def drive(plan: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    run = Run(plan, started + plan["seconds"])
    made = []
    for _ in range(plan["connections"]):
        made.append(
            await loop.create_connection(lambda: Connection(run), "127.0.0.1", plan["port"])
        )
    waiting = [asyncio.ensure_future(protocol.done) for _, protocol in made]
    await asyncio.wait(waiting, timeout=600 if plan.get("fill") else plan["seconds"] + 20)
    return {
        "seconds": time.perf_counter() - started,
        "latencies": run.latencies,
        "statuses": run.statuses,
    }


if __name__ == "__main__":
    import uvloop

    sys.stdout.write(json.dumps(uvloop.run(drive(json.loads(sys.stdin.read())))))
