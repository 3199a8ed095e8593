"""One stream: who follows which runs, whether they still may, and what they are told."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson

from stateward.gate.policy.decide import decide, refusal
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.requests import Decision, Resource, call_context
from stateward.kernel.errors import Forbidden, MethodNotAllowed
from stateward.kernel.flow import Flow, T
from stateward.operations.jobs.feed import JobFeed, Marks
from stateward.operations.jobs.following import message_of
from stateward.operations.jobs.queries import JobRun, find_run, lines_of, open_runs
from stateward.state.callers import Callers
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor
from stateward.web.asgi import Request

PATH = re.compile(
    rb"/(?:api/v1|t/(?P<tenant>[a-z0-9-]{1,63}))/jobs/"
    rb"(?:(?P<run>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/)?events"
)
ASK_AGAIN_SECONDS = 15.0
QUIET_SECONDS = 15.0  # without a word, before a comment shows that the stream is alive
LONGEST_SECONDS = 3600.0  # then the browser comes again by itself
SHOWN = 50  # runs of a tenant at once


class Follower:
    """One stream: who follows, and what they have been told."""

    actor: Actor

    def __init__(self, request: Request, travel: Travel, callers: Callers, feed: JobFeed) -> None:
        self.request = request
        self.has_actor = False
        self._travel = travel
        self._callers = callers
        self._feed = feed
        self._principals = -1
        self._asked_at = 0.0
        self._line = 0
        self._name = ""
        found = route(request.scope["raw_path"])
        self._run_id = UUID(found["run"].decode()) if found and found["run"] else None
        if found and found["tenant"]:
            request.headers["stateward-tenant"] = found["tenant"].decode()

    async def enter(self) -> None:
        """Who it is, and whether they may; raises what is to be answered."""
        request = self.request
        if request.method != "GET":
            raise MethodNotAllowed(headers={"Allow": "GET"})
        if request.header("sec-fetch-site") not in {None, "same-origin", "none"}:
            raise Forbidden("A stream is followed from our own pages only.")
        last = request.header("last-event-id") or request.query(("after",)).get("after", "")
        self._line = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
        await self.check()

    async def check(self) -> None:
        """Whether they still may."""
        if self.has_actor:
            configuration = await self._drive(load_configuration(self.actor.tenant_id))
            self._principals, before = configuration.epochs.principals, self._principals
            is_old = time.monotonic() - self._asked_at > ASK_AGAIN_SECONDS
            if self._principals != before or is_old:
                await self._identify()
        else:
            await self._identify()
            configuration = await self._drive(load_configuration(self.actor.tenant_id))
            self._principals = configuration.epochs.principals
        if self._run_id is not None and not self._name:
            self._name = (await self._drive(find_run(self.actor.tenant_id, self._run_id))).name
        await self._require(configuration)

    async def _identify(self) -> None:
        self.actor = await self._callers.actor_of(self.request)
        self.has_actor = True
        self._asked_at = time.monotonic()

    async def _require(self, configuration: TenantConfiguration) -> None:
        named = {"name": self._name} if self._name else {}
        about = Resource("job", str(self._run_id or ""), named)
        decision = self._decide(configuration, about)
        if decision.allowed:
            return
        await self._drive(record_snapshots(self.actor.tenant_id, decision))
        error = refusal(decision, hide=self._run_id is not None)
        error.denial = {  # type: ignore[union-attr]  # for record_denial
            "action": "job.read",
            "resource_type": "job",
            "resource_id": about.id,
            "reason": decision.reason,
            "decision": decision.facts(),
        }
        raise error

    def _decide(self, configuration: TenantConfiguration, about: Resource) -> Decision:
        context = call_context(self.request.call)
        return decide(configuration.policies, self.actor, "job.read", about, context)

    async def messages(self) -> AsyncIterator[bytes]:
        """What to send, from now to the end."""
        began = spoke_at = time.monotonic()
        said: Any = None
        number = self._feed.number  # what was seen before may be of long ago
        is_over = False
        with self._feed.following(self.actor.tenant_id, self._run_id):
            while not is_over and time.monotonic() - began < LONGEST_SECONDS:
                number, marks = await self._feed.marks(number)
                await self.check()
                seen = self._seen(marks)
                if seen != said:
                    said, spoke_at = seen, time.monotonic()
                    text, is_over = await self._tell()
                    yield text
                elif time.monotonic() - spoke_at > QUIET_SECONDS:
                    spoke_at = time.monotonic()
                    yield b": still here\n\n"

    def _seen(self, marks: Marks) -> Any:
        if self._run_id is not None:
            return marks.get(self._run_id, "over")
        return {run_id: mark for run_id, mark in marks.items() if mark[0] == self.actor.tenant_id}

    async def _tell(self) -> tuple[bytes, bool]:
        if self._run_id is None:
            return await self._tell_all(), False
        run = await self._detail()
        lines = []
        if run.tenant_id is not None:
            lines = await self._drive(lines_of(run, after=self._line))
        if lines:
            self._line = lines[-1].number
        return _event(message_of(run, lines), self._line), run.is_over

    async def _tell_all(self) -> bytes:
        tenant_id = self.actor.tenant_id
        runs: list[JobRun] = await self._feed.detail(
            tenant_id, tenant_id, lambda: open_runs(tenant_id, limit=SHOWN)
        )
        configuration = await self._drive(load_configuration(tenant_id))
        readable = [
            message_of(run)
            for run in runs
            if self._decide(configuration, Resource("job", str(run.id), {"name": run.name})).allowed
        ]
        return _event({"runs": readable}, None)

    async def _detail(self) -> JobRun:
        run_id, tenant_id = self._run_id, self.actor.tenant_id
        assert run_id is not None  # noqa: S101  # asked for one run's stream only
        key = (tenant_id, run_id)
        found: JobRun = await self._feed.detail(tenant_id, key, lambda: find_run(tenant_id, run_id))
        return found

    async def _drive(self, flow: Flow[T]) -> T:
        return await self._travel.drive(self.actor.tenant_id, flow)


def route(path: bytes) -> re.Match[bytes] | None:
    """The tenant and the run that a raw path names, where it is that of a stream."""
    return PATH.fullmatch(path.split(b"?", 1)[0])


def _event(message: Any, number: int | None) -> bytes:
    head = b"" if number is None else b"id: %d\n" % number
    return b"%sdata: %s\n\n" % (head, orjson.dumps(message))
