"""Rate limits that several processes hold together: in Redis by one script, and where Redis is away
by each process alone.

A caller without a limit pays for one look at an empty tuple. For the others a limit is one key in
Redis (``kernel/gcra.py`` says what is kept in it); one script asks all of a request's limits and
moves them together, by the server's clock. Redis may be lost at any time: then each process keeps a
share of the limit by itself, ``1 / n`` for the ``n`` processes that were seen limiting last, so
that together they stay within it and no request is refused because a cache is gone. A process
asks Redis again once a second. What that costs in exactness: buckets begin full whenever the place
they are kept in changes, so up to one more burst goes through at such a moment.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from redis import Redis
from redis.asyncio import BlockingConnectionPool as AsyncPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from stateward.kernel.errors import TooManyRequests
from stateward.kernel.gcra import Buckets, Taken, remaining
from stateward.kernel.ids import uuid7
from stateward.tenancy.limits import RateLimit

log = logging.getLogger("stateward.web")

ASK_AGAIN_SECONDS = 1.0  # after Redis did not answer
ANSWER_SECONDS = 0.1  # that it has; a request must not wait long for its own limit
BEAT_SECONDS = 5.0
CONNECTIONS, WAIT_SECONDS = 64, 1.0  # of one data plane to Redis; for one that is free
SEEN_SECONDS = 15.0  # a process that limited nothing for so long has no share
PROCESSES = "stateward:limiting"
MICROSECONDS = 1_000_000
TIMES: dict[str, Any] = {
    "socket_timeout": ANSWER_SECONDS,
    "socket_connect_timeout": ANSWER_SECONDS,
}

# KEYS: one a limit. ARGV: each limit's microseconds between requests and its burst. Answers which
# one refuses (0: none), how long to wait, and how far ahead each is, in microseconds.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local kept, answer, refused, wait = {}, {}, 0, 0
for i, key in ipairs(KEYS) do
    local every, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    kept[i] = math.max(tonumber(redis.call('GET', key) or '0'), now)
    local late = kept[i] + every - (now + every * burst)
    if late > 1 and late > wait then refused, wait = i, late end
end
for i, key in ipairs(KEYS) do
    if refused == 0 then
        kept[i] = kept[i] + tonumber(ARGV[2 * i - 1])
        local text, lasts = string.format('%.0f', kept[i]), math.ceil((kept[i] - now) / 1000) + 1
        redis.call('SET', key, text, 'PX', lasts)
    end
    answer[i + 2] = kept[i] - now
end
answer[1], answer[2] = refused, wait
return answer
"""


class RateLimited(TooManyRequests):
    """More requests than the limit allows; try again after ``Retry-After`` seconds."""

    code, title = "rate_limited", "Rate limited"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after a request: the limits, and what came of it."""

    limits: tuple[RateLimit, ...]
    taken: Taken

    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit``, as draft-ietf-httpapi-ratelimit-headers names
        them: a bucket of ``q`` that is full again after ``w`` seconds; ``r`` left, full in ``t``.
        """
        policies, standing = [], []
        for limit, ahead in zip(self.limits, self.taken.ahead, strict=True):
            pace = limit.pace
            window = max(math.ceil(pace.burst / pace.per_second), 1)
            left, full = remaining(pace, ahead), math.ceil(max(ahead, 0))
            policies.append(f'"{limit.scope}";q={pace.burst};w={window}')
            standing.append(f'"{limit.scope}";r={left};t={full}')
        return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(standing)}

    def require(self) -> None:
        """RateLimited (429) where a limit refused the request."""
        if (place := self.taken.refused_by) is None:
            return
        limit = self.limits[place]
        seconds = max(math.ceil(self.taken.wait), 1)
        whose = "This credential" if limit.scope == "credential" else "The tenant"
        pace = limit.pace
        raise RateLimited(
            f"{whose} may call {pace.per_second:g} times a second, {pace.burst} at once.",
            headers=self.headers() | {"Retry-After": str(seconds)},
            limit=limit.scope,
            retry_after_seconds=seconds,
        )


class _Limiter:
    """What both drivers share: what is asked, and what is done without an answer."""

    def __init__(self) -> None:
        self._buckets = Buckets()
        self._lock = threading.Lock()
        self._ask_at = 0.0
        self._beat_at = 0.0
        self._me = str(uuid7())
        self.processes = settings.RATE_LIMIT_PROCESSES  # until Redis has told how many there are

    def _may_ask(self) -> bool:
        return time.monotonic() >= self._ask_at

    def _is_beat_due(self) -> bool:
        moment = time.monotonic()
        if moment < self._beat_at:
            return False
        self._beat_at = moment + BEAT_SECONDS
        return True

    def _lost(self, error: Exception) -> None:
        if self._may_ask():
            log.warning("limits.redis_lost", extra={"kind": type(error).__name__})
        self._ask_at = time.monotonic() + ASK_AGAIN_SECONDS

    def _alone(self, limits: tuple[RateLimit, ...]) -> Taken:
        share = 1 / max(self.processes, 1)
        paces = [limit.pace.shared(share) for limit in limits]
        with self._lock:
            return self._buckets.take([limit.subject for limit in limits], paces, time.monotonic())


class AsyncLimiter(_Limiter):
    """The data plane's."""

    def __init__(self) -> None:
        super().__init__()
        pool = AsyncPool.from_url(
            settings.REDIS_URL, max_connections=CONNECTIONS, timeout=WAIT_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0), **TIMES,
        )  # fmt: skip
        self._redis = AsyncRedis.from_pool(pool)
        self._script = self._redis.register_script(SCRIPT)

    async def take(self, limits: tuple[RateLimit, ...]) -> Standing:
        """One request under these limits."""
        if not self._may_ask():
            return Standing(limits, self._alone(limits))
        try:
            reply = await self._script(*_asked(limits))
            if self._is_beat_due():
                pipe = self._redis.pipeline(transaction=False)
                _queue_beat(pipe, self._me)
                self.processes = int((await pipe.execute())[-1])
        except (RedisError, OSError) as error:
            self._lost(error)
            return Standing(limits, self._alone(limits))
        return Standing(limits, _told(reply))

    async def close(self) -> None:
        await self._redis.aclose()


class SyncLimiter(_Limiter):
    """The control plane's."""

    def __init__(self) -> None:
        super().__init__()
        self._redis = Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **TIMES)
        self._script = self._redis.register_script(SCRIPT)

    def take(self, limits: tuple[RateLimit, ...]) -> Standing:
        """One request under these limits."""
        if not self._may_ask():
            return Standing(limits, self._alone(limits))
        try:
            reply = self._script(*_asked(limits))
            if self._is_beat_due():
                pipe = self._redis.pipeline(transaction=False)
                _queue_beat(pipe, self._me)
                self.processes = int(pipe.execute()[-1])
        except (RedisError, OSError) as error:
            self._lost(error)
            return Standing(limits, self._alone(limits))
        return Standing(limits, _told(reply))


def _asked(limits: Sequence[RateLimit]) -> tuple[list[str], list[str | int]]:
    """The script's keys, of one tenant and so of one slot of a cluster, and its arguments."""
    keys = [f"stateward:limit:{{{limit.tenant_id}}}:{limit.subject}" for limit in limits]
    arguments: list[str | int] = []
    for limit in limits:
        arguments += [repr(MICROSECONDS / limit.pace.per_second), limit.pace.burst]
    return keys, arguments


def _told(reply: Any) -> Taken:
    refused, wait, *ahead = (int(number) for number in cast("list[int]", reply))
    return Taken(
        refused - 1 if refused else None,
        wait / MICROSECONDS,
        tuple(number / MICROSECONDS for number in ahead),
    )


def _queue_beat(pipe: Any, me: str) -> None:
    """Say that this process limits, forget those that do no more, and count."""
    moment = time.time()
    pipe.zadd(PROCESSES, {me: moment})
    pipe.zremrangebyscore(PROCESSES, "-inf", moment - SEEN_SECONDS)
    pipe.zcard(PROCESSES)
