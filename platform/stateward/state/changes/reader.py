"""One reader of changes: who it is, whether it still may, and what it is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from stateward.feed.log import Look, read_log
from stateward.feed.places import Place
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.requests import Resource
from stateward.kernel import clock
from stateward.kernel.flow import Flow, T
from stateward.state.callers import Callers
from stateward.state.changes.asking import Asking, parse_asking
from stateward.state.changes.sights import Seen, Sight, flags, load_rules, load_values
from stateward.state.changes.windows import Change, Opened, Window
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    Epochs,
    NamespaceRules,
    cached_configuration,
    load_configuration,
    namespace_rules,
)
from stateward.state.entries import NO_LABELS
from stateward.state.judging import judge_for
from stateward.state.travel import Travel
from stateward.tenancy.actors import Actor
from stateward.web.asgi import Request

SESSION_SECONDS = 15.0  # a browser's session may have ended without a word
MOST_REMEMBERED = 32
Shown = tuple[Seen, bool, Opened | None]  # a change, whether more of its transaction follows, value


class Reader:
    """One request for changes, for as long as it lasts."""

    actor: Actor
    asking: Asking

    def __init__(
        self, request: Request, travel: Travel, callers: Callers, turns: asyncio.Semaphore
    ) -> None:
        self.request = request
        self._turns = turns
        self.has_actor = False
        self._travel = travel
        self._callers = callers
        self.epochs: Epochs | None = None  # of the rules that it looks by
        self._identified_at = 0.0
        self._sight: Sight | None = None
        # Of what could be read so far, one resource each: once none of them can be, it is over.
        self._could: dict[tuple[str, str | None], Resource] = {}

    async def enter(self) -> None:
        """Who it is and what is asked; raises what is to be answered."""
        await self.identify()
        self.asking = parse_asking(self.request)
        await self.look_again()

    async def identify(self) -> None:
        self.actor = await self._callers.actor_of(self.request)
        self.has_actor = True
        self._identified_at = time.monotonic()

    async def check(self) -> None:
        """Whether the reader is still who was let in, and may still; raises why not."""
        configuration = await self.drive(load_configuration(self.actor.tenant_id))
        has_session = self.actor.credential_id is None
        is_old = time.monotonic() - self._identified_at > SESSION_SECONDS
        is_changed = (
            self.epochs is None or configuration.epochs.principals != self.epochs.principals
        )
        if is_changed or self.has_ended or (has_session and is_old):
            await self.identify()
        await self.look_again()

    @property
    def has_ended(self) -> bool:
        """Whether what let the reader in has come to its own end."""
        return self.actor.ends_at is not None and self.actor.ends_at <= clock.now()

    async def look_again(self) -> None:
        """Begin with the rules of now."""
        configuration = await self.drive(load_configuration(self.actor.tenant_id))
        self.epochs = configuration.epochs
        judge = await self.drive(judge_for(configuration, self.actor, self.request.call))
        sight = Sight(judge, self.asking.values)
        if self.asking.namespace is not None:
            rules = await self.drive(namespace_rules(configuration, self.asking.namespace))
            await self.drive(judge.require("namespace.read", rules, rules.resource()))
            self.asking.namespace_id = rules.id
            self._remember(sight, rules, None, rules.entry("", NO_LABELS))
        await self.drive(self._still_sees(sight))
        self._sight = sight

    def _remember(
        self, sight: Sight, rules: NamespaceRules, labels: str | None, resource: Resource
    ) -> None:
        is_known = (rules.name, labels) in self._could or len(self._could) >= MOST_REMEMBERED
        if not is_known and sight.judge.decide(sight.action, resource).allowed:
            self._could[rules.name, labels] = resource

    def _still_sees(self, sight: Sight) -> Flow[None]:
        """Whoever could read something, and now cannot read any of it, is told so."""
        judge, refused = sight.judge, None
        for (name, _), resource in self._could.items():
            decision = judge.decide(sight.action, resource)
            if decision.allowed:
                return
            refused = name, resource, decision
        if refused is not None:
            name, resource, decision = refused
            rules = yield from namespace_rules(judge.configuration, name)
            yield from record_snapshots(judge.configuration.tenant_id, decision)
            judge.refuse(sight.action, rules, resource, decision)

    async def look(self, after: Place | None, limit: int) -> Look:
        """What follows a place, of what is asked for."""
        asking = self.asking
        flow = read_log(
            self.actor.tenant_id,
            after,
            limit=limit,
            namespace_id=asking.namespace_id,
            prefix=asking.prefix,
            until=asking.until,
        )
        return await self.ask(flow)

    async def seen(self, window: Window, after: Place | None = None) -> list[Seen]:
        """What of a window the reader may see, and has not seen before."""
        sight = await self._fresh_sight()
        await self.drive(load_rules(sight.judge.configuration, window.changes))
        asking = self.asking
        rank = (0, 0, 0) if after is None else after.rank
        found = [
            one
            for one in sight.look(window.changes)
            if one.change.row.place.rank > rank
            and asking.wants(one.change.row.namespace_id, one.change.row.key)
        ]
        if found and len(self._could) < MOST_REMEMBERED:
            for one in found:
                resources = one.change.resources(one.rules) or ()
                for resource in resources[:1]:
                    self._remember(sight, one.rules, one.change.row.labels, resource)
        return found

    async def shown(self, window: Window, after: Place | None = None) -> AsyncIterator[list[Shown]]:
        """The same, in parts whose values fit in memory, written down where that is the rule."""
        seen = await self.seen(window, after)
        if self.asking.values == "none":
            if seen:
                yield [(one, more, None) for one, more in zip(seen, flags(seen), strict=True)]
            return
        following = {one.position: more for one, more in zip(seen, flags(seen), strict=True)}
        for chunk in window.chunks():
            part = [one for one in seen if one.position in chunk]
            while part and not await self.drive(self._recorded(part)):
                still = {one.position: one for one in await self._seen_anew(window)}
                part = [still[one.position] for one in part if one.position in still]
            if part:
                opened = await self._opened(window, chunk)
                yield [(one, following[one.position], opened.get(one.position)) for one in part]

    async def _seen_anew(self, window: Window) -> list[Seen]:
        await self.drive(load_configuration(self.actor.tenant_id, max_age=0))
        await self.check()
        return await self.seen(window)

    def _recorded(self, part: list[Seen]) -> Flow[bool]:
        assert self._sight is not None  # noqa: S101  # something was seen by it
        return self._sight.record(part)

    async def _opened(self, window: Window, chunk: range) -> dict[int, Opened]:
        assert self._sight is not None  # noqa: S101  # as above
        configuration = self._sight.judge.configuration

        async def load(changes: Sequence[Change], with_before: bool) -> dict[int, Opened]:
            return await self.ask(load_values(configuration, changes, with_before))

        with_before = self.asking.values == "patch"
        return await window.opened(chunk, with_before=with_before, load=load)

    async def _fresh_sight(self) -> Sight:
        """By rules that are less than a second old."""
        tenant_id = self.actor.tenant_id
        configuration = cached_configuration(tenant_id, MAX_AGE_SECONDS)
        if configuration is None:
            configuration = await self.drive(load_configuration(tenant_id))
        if self._sight is None or self._sight.judge.configuration is not configuration:
            await self.check()
        assert self._sight is not None  # noqa: S101  # ``check`` makes one
        return self._sight

    async def ask(self, flow: Flow[T]) -> T:
        """The same for what always asks the database: a crowd of followers takes turns, and leaves
        the connections to those who write.
        """
        async with self._turns:
            return await self.drive(flow)

    async def drive(self, flow: Flow[T]) -> T:
        return await self._travel.drive(self.actor.tenant_id, flow)
