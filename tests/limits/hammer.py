"""One of several processes that all call under one limit: prints how often it was let through, and
from when to when it called.
"""

from __future__ import annotations

import asyncio
import sys
import time
from uuid import UUID

import django

django.setup()

from stateward.kernel.gcra import Pace  # noqa: E402  # after Django's set-up
from stateward.tenancy.limits import RateLimit  # noqa: E402
from stateward.web.limiting import AsyncLimiter  # noqa: E402


async def main(tenant: UUID, pace: Pace, seconds: float, *, everyone: int) -> str:
    limits = (RateLimit("tenant", tenant, tenant, pace),)
    limiter, allowed = AsyncLimiter(), 0
    other = (RateLimit("tenant", tenant, UUID(int=1), Pace(1e6, 10)),)
    for _ in range(2):  # all are up and seen before each looks how many there are
        limiter._beat_at = 0
        await limiter.take(other)
        print("ready", flush=True)
        sys.stdin.readline()
    began = time.monotonic()
    until = began + seconds

    async def call() -> None:
        nonlocal allowed
        while time.monotonic() < until:
            standing = await limiter.take(limits)
            allowed += standing.taken.refused_by is None
            await asyncio.sleep(0.002)

    await asyncio.gather(*(call() for _ in range(everyone)))
    await limiter.close()
    return f"{allowed} {began} {time.monotonic()}"


if __name__ == "__main__":
    _, tenant, rate, burst, seconds = sys.argv
    print(
        asyncio.run(main(UUID(tenant), Pace(float(rate), int(burst)), float(seconds), everyone=8))
    )
