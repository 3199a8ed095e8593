"""The command that says what is wrong between here and the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps
from typing import TYPE_CHECKING, Literal

import typer

import agents_bridge
from agents_bridge._errors import Forbidden, NotConfigured, StatewardError, Unauthenticated
from agents_bridge._profile import Profile, find_profile
from agents_bridge._retry import Retry
from agents_bridge.cli._common import AROUND, As, Json
from agents_bridge.cli._exit import Exit
from agents_bridge.cli._output import render, show

if TYPE_CHECKING:
    from agents_bridge import Client

_SKEW_SECONDS = 5.0  # the Date header is exact to a second, and answers take a moment


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what was found."""

    state: Literal["ok", "warning", "failed"]
    name: str
    finding: str
    advice: str = ""
    code: Exit = Exit.FAILED


def doctor(*, json: Json = False, agent: As = None) -> None:
    """Look for what is wrong between here and the server.

    Configuration, server, clock and credential; exits with 0 where nothing failed.
    """
    checks = list(examine(agent or AROUND.agent))
    show(
        [{"state": each.state, "name": each.name, "finding": each.finding} for each in checks],
        json=json,
        otherwise=lambda: render().checks(
            (each.state, each.name, each.finding, each.advice) for each in checks
        ),
    )
    failed = [each for each in checks if each.state == "failed"]
    if failed:
        raise typer.Exit(failed[0].code)


def examine(agent: str | None) -> Iterator[Check]:
    """The checks, as far as each makes sense after the one before."""
    try:
        profile = find_profile(agent=agent)
    except NotConfigured as error:
        finding = str(error) or str(NotConfigured.__doc__)
        advice = "export STATEWARD_URL and STATEWARD_API_KEY, or run `make up` and work beside it"
        yield Check("failed", "profile", finding, advice, Exit.USAGE)
        return
    name = f" as {profile.agent}" if profile.agent else ""
    yield Check("ok", "profile", f"{profile.url}{name}, from {profile.source}")
    yield from _server(profile)


def _server(profile: Profile) -> Iterator[Check]:
    retry = Retry(attempts=1)
    with agents_bridge.Client(profile.url, profile.api_key, retry=retry, timeout=10.0) as client:
        started = time.perf_counter()
        try:
            client.health.alive()
        except StatewardError as error:
            advice = "is it running, and is this its address?"
            yield Check("failed", "server", str(error), advice, Exit.UNAVAILABLE)
            return
        took = (time.perf_counter() - started) * 1000
        yield Check("ok", "server", f"answers in {took:.0f} ms")
        yield from _readiness(client)
        yield _credential(client)


def _readiness(client: Client) -> Iterator[Check]:
    try:
        ready = client.health.ready()
    except StatewardError as error:
        yield Check("failed", "readiness", str(error), code=Exit.UNAVAILABLE)
        return
    if not ready.ready:
        finding = f"the server says it cannot work: {_said(ready.raw)}"
        advice = "its operator finds out why with `manage.py doctor`"
        yield Check("failed", "readiness", finding, advice, Exit.UNAVAILABLE)
    elif ready.degraded:
        advice = "reads and writes work; its operator should look"
        yield Check("warning", "readiness", f"degraded: {_said(ready.raw)}", advice)
    else:
        yield Check("ok", "readiness", "reads and writes work")
    if ready.server_time is not None:
        yield _clock(ready.server_time, datetime.now(UTC))


def _clock(server: datetime, here: datetime) -> Check:
    skew = (here - server).total_seconds()
    if abs(skew) <= _SKEW_SECONDS:
        return Check("ok", "clock", "this machine and the server agree")
    way = "ahead of" if skew > 0 else "behind"
    finding = f"this machine is {abs(skew):.0f} s {way} the server"
    advice = "expiry, as-of and proofs go by the server's clock; set this one by NTP"
    return Check("warning", "clock", finding, advice)


def _credential(client: Client) -> Check:
    try:
        client.namespaces.list(page_size=1).page()
    except Unauthenticated as error:
        advice = "the key is unknown, expired or revoked: ask for a new one"
        return Check("failed", "credential", error.detail, advice, Exit.DENIED)
    except Forbidden as error:
        advice = "the key is valid, but may not list namespaces"
        return Check("warning", "credential", error.detail, advice)
    except StatewardError as error:
        return Check("failed", "credential", str(error), code=Exit.UNAVAILABLE)
    return Check("ok", "credential", "is accepted")


def _said(document: object) -> str:
    return dumps(document, default=dict)[:300]
