"""Limits of credentials and tenants: set, told, held by several processes, and without Redis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.embedded.accounts import drop_privileges
from stateward.operations.embedded.ports import any_free
from stateward.operations.embedded.redis import RedisServer, server_program
from stateward.operations.plane import Plane
from stateward.state.configuration import forget_configurations
from stateward.web.drf import limits as control_plane
from tests.factories.api import Api, audit_events
from tests.factories.state import World, make_world
from tests.factories.tenants import make_agent, make_member
from tests.patience import PATIENCE
from tests.servers import ROOT, temporary_folder

pytestmark = pytest.mark.usefixtures("database")
PACE = {"requests_per_second": 0.01, "burst": 3}


@pytest.fixture
def world(database: None) -> World:
    return make_world("builder")


@pytest.fixture
def admin(world: World) -> Api:
    return Api(make_member(world.tenant, "owner"))


@pytest.fixture
def agent(world: World) -> Api:
    return Api(world.agent)


@pytest.fixture(autouse=True)
def forgotten(database: None) -> None:
    forget_configurations()
    control_plane._known.clear()


@pytest_asyncio.fixture
async def http(agent: Api) -> AsyncIterator[httpx.AsyncClient]:
    plane = Plane()
    await plane.travel.open()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=plane),
        base_url="http://stateward.test/api/v1",
        headers=agent.headers,
    ) as client:
        yield client
    await plane.callers.close()
    await plane.changes.close()
    await plane.travel.close()


async def elsewhere(act: Callable[[], Any]) -> None:
    """In a thread, which leaves no connection behind."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    await asyncio.to_thread(run)


def of_credential(api: Api) -> str:
    return f"/credentials/{api.key.id}/rate-limit"


def read(answer: Any, *names: str) -> list[str]:
    return [answer.headers.get(name, "") for name in names]


def test_a_limit_is_set_shown_recorded_and_lifted(world: World, admin: Api, agent: Api) -> None:
    path = of_credential(agent)

    assert admin("GET", path).status_code == 404
    assert admin("PUT", path, PACE).json() == PACE
    assert admin("GET", path).json() == PACE
    assert admin("DELETE", path).status_code == 204
    assert admin("GET", path).status_code == 404
    assert [event for event in audit_events(world.tenant.id) if event[1] == "rate_limit.set"] == [
        ("credential.manage", "rate_limit.set", "allow")
    ] * 2


def test_who_is_held_to_a_limit_neither_sets_nor_lifts_it(world: World, agent: Api) -> None:
    member = Api(make_member(world.tenant, "viewer"))

    assert agent("PUT", "/tenant/rate-limit", PACE).status_code == 403
    assert agent("DELETE", of_credential(agent)).status_code == 404
    assert member("PUT", of_credential(member), PACE).status_code == 404


def test_another_tenants_credential_is_not_there(admin: Api) -> None:
    stranger = Api(make_agent(make_world().tenant, "builder"))

    assert admin("PUT", of_credential(stranger), PACE).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({"requests_per_second": 0, "burst": 1}, "/requests_per_second", id="no rate"),
        pytest.param({"requests_per_second": 1, "burst": 0}, "/burst", id="no burst"),
        pytest.param({"requests_per_second": 1}, "/burst", id="burst left out"),
    ],
)
def test_a_limit_that_is_none_is_refused(admin: Api, body: Any, pointer: str) -> None:
    answer = admin("PUT", "/tenant/rate-limit", body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_rotated_key_keeps_its_limit(admin: Api, agent: Api) -> None:
    admin("PUT", of_credential(agent), PACE)

    rotated = admin("POST", f"/credentials/{agent.key.id}/rotation").json()

    assert admin("GET", f"/credentials/{rotated['id']}/rate-limit").json() == PACE


def test_the_control_plane_holds_a_limit_and_says_so(admin: Api, agent: Api) -> None:
    without = agent("GET", "/namespaces")
    admin("PUT", of_credential(agent), PACE)
    control_plane._known.clear()

    answers = [agent("GET", "/namespaces") for _ in range(4)]

    assert "RateLimit" not in without.headers
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert read(answers[0], "RateLimit-Policy", "RateLimit") == [
        '"credential";q=3;w=300',
        '"credential";r=2;t=100',
    ]
    refused = answers[3]
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["limit"] == "credential"
    assert 1 <= int(refused.headers["Retry-After"]) <= 100
    assert refused.json()["retry_after_seconds"] == int(refused.headers["Retry-After"])
    assert refused.headers["RateLimit"].startswith('"credential";r=0')


async def test_the_data_plane_holds_both_limits(
    world: World, admin: Api, agent: Api, http: httpx.AsyncClient
) -> None:
    path = f"/namespaces/{world.namespace.name}/entries/k"
    without = await http.put(path, json={"value": 1})
    await elsewhere(lambda: _two_limits(admin, agent))
    await asyncio.sleep(0.9)  # the longest a process goes on with what it knows

    answers = [await http.put(path, json={"value": 1}) for _ in range(4)]

    assert "RateLimit" not in without.headers
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == (
        '"credential";q=3;w=300, "tenant";q=50;w=5000'
    )
    assert answers[0].headers["RateLimit"].startswith('"credential";r=2;t=100, "tenant";r=')
    assert answers[3].json()["limit"] == "credential"
    assert int(answers[3].headers["Retry-After"]) >= 1


def _two_limits(admin: Api, agent: Api) -> None:
    assert admin("PUT", of_credential(agent), PACE).status_code == 200
    body = {"requests_per_second": 0.01, "burst": 50}
    assert admin("PUT", "/tenant/rate-limit", body).status_code == 200


class OwnRedis:
    """A server of this test's own, to be killed."""

    def __init__(self) -> None:
        folder = temporary_folder("stateward-limits-") / "redis"
        self.server = RedisServer(folder, any_free(), "test", server_program())
        self.server.configure()
        self.folder: Path = folder
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.server.command(),
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **drop_privileges(),
        )
        deadline = time.monotonic() + PATIENCE
        while not self.server.answers():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    redis = OwnRedis()
    yield redis
    redis.kill()


def hammer(url: str, tenant: UUID, rate: float, burst: int, seconds: float) -> Any:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.limits.hammer"]
        + [str(argument) for argument in (tenant, rate, burst, seconds)],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "stateward.settings.test",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
            "STATEWARD_REDIS_URL": url,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def let_through(processes: list[Any], *, then: Any = None) -> tuple[int, float]:
    """How many calls in how many seconds."""
    for step in ("all are up", "all have counted"):
        for process in processes:
            assert process.stdout.readline().strip() == "ready"
        if then is not None and step == "all have counted":
            then()
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
    said = [process.communicate(timeout=PATIENCE)[0].split()[-3:] for process in processes]
    seconds = max(float(end) for _, _, end in said) - min(float(begin) for _, begin, _ in said)
    return sum(int(allowed) for allowed, _, _ in said), seconds


def test_two_processes_hold_one_limit_together(own_redis: OwnRedis) -> None:
    rate, burst, seconds = 100, 20, 2.0
    tenant = uuid7()

    allowed, took = let_through(
        [hammer(own_redis.server.url, tenant, rate, burst, seconds) for _ in range(2)]
    )

    assert 0.4 * rate * seconds <= allowed <= burst + rate * took + 2


def test_without_redis_each_process_keeps_its_share(own_redis: OwnRedis) -> None:
    rate, burst, seconds = 100, 20, 2.0
    tenant = uuid7()

    allowed, took = let_through(
        [hammer(own_redis.server.url, tenant, rate, burst, seconds) for _ in range(2)],
        then=own_redis.kill,
    )

    assert 0.4 * rate * seconds <= allowed <= burst + rate * took + 2


async def test_losing_redis_stops_no_write_and_lifts_no_limit(
    world: World, admin: Api, agent: Api, own_redis: OwnRedis, settings: Any
) -> None:
    settings.REDIS_URL = own_redis.server.url
    settings.RATE_LIMIT_PROCESSES = 1
    limit = {"requests_per_second": 0.01, "burst": 5}
    await elsewhere(lambda: admin("PUT", of_credential(agent), limit))
    plane = Plane()
    await plane.travel.open()
    path = f"/namespaces/{world.namespace.name}/entries/k"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=plane),
        base_url="http://stateward.test/api/v1",
        headers=agent.headers,
    ) as http:
        before = [(await http.put(path, json={"value": n})).status_code for n in range(2)]
        own_redis.kill()
        after = [(await http.put(path, json={"value": n})).status_code for n in range(7)]
    await plane.callers.close()
    await plane.changes.close()
    await plane.travel.close()

    assert before == [201, 200]
    assert after == [200] * 5 + [429] * 2


def test_credentials_without_a_limit_never_ask(agent: Api, monkeypatch: Any) -> None:
    def asked() -> None:
        raise AssertionError("asked for a limiter")

    monkeypatch.setattr(control_plane, "_limiter", asked)

    assert agent("GET", "/namespaces").status_code == 200
