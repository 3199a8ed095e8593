"""F38: the audit cannot be written. What needs a record is not done, and the caller hears why."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from stateward.gate.audit.exceptions import AuditUnavailable
from stateward.kernel.errors import NotFound
from stateward.operations.plane import Plane
from stateward.state.configuration import forget_configurations
from tests.factories.api import Api
from tests.factories.state import World, make_namespace, make_world
from tests.factories.tenants import make_key, make_member

REVOKED = (
    "REVOKE INSERT ON stateward_audit_record FROM stateward_app",
    "GRANT INSERT ON stateward_audit_record TO stateward_app",
)
RAISING = (
    """
    CREATE FUNCTION audit_disk_gone() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no room for canary-4711'; END $$;
    CREATE TRIGGER gone BEFORE INSERT ON stateward_audit_record
        FOR EACH ROW EXECUTE FUNCTION audit_disk_gone();
    """,
    "DROP FUNCTION audit_disk_gone CASCADE",
)
WAYS = pytest.mark.parametrize(
    "way", [pytest.param(REVOKED, id="right revoked"), pytest.param(RAISING, id="trigger raises")]
)


@contextmanager
def failing(way: tuple[str, str]) -> Iterator[None]:
    """In this worker's own database, for the block."""
    url = os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(way[0])
        try:
            yield
        finally:
            session.execute(way[1])


@pytest.fixture
def world(database: None) -> World:
    world = make_world("builder")
    make_namespace(world.actor, "secrets", classification="restricted")
    return world


@pytest.fixture
def key(world: World) -> str:
    return make_key(world.agent).text


@pytest_asyncio.fixture
async def http(key: str) -> AsyncIterator[httpx.AsyncClient]:
    forget_configurations()
    plane = Plane()
    await plane.travel.open()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=plane, client=("192.0.2.9", 4711)),
        base_url="http://stateward.test/api/v1",
        headers={"authorization": f"Bearer {key}"},
    ) as client:
        yield client
    await plane.changes.close()
    await plane.travel.close()


def path(namespace: str, key: str) -> str:
    return f"/namespaces/{namespace}/entries/{key}"


def is_refused(answer: Any) -> bool:
    """503 with the promised code, when to come again, and none of the database's words."""
    text = answer.text if isinstance(answer, httpx.Response) else answer.content.decode()
    assert answer.status_code == 503, text
    assert answer.json()["code"] == "audit_unavailable"
    assert answer.headers["retry-after"]
    assert "canary-4711" not in text
    return True


@WAYS
async def test_no_change_without_its_record(http: httpx.AsyncClient, way: tuple[str, str]) -> None:
    await http.put(path("notes", "a"), json={"value": 1})
    with failing(way):
        changed, *others = await asyncio.gather(
            http.put(path("notes", "a"), json={"value": 2}),
            http.put(path("notes", "b"), json={"value": 2}),
            http.patch(
                path("notes", "a"),
                content=b"2",
                headers={"content-type": "application/merge-patch+json"},
            ),
            http.delete(path("notes", "a")),
        )
        assert all(is_refused(answer) for answer in (changed, *others))
        # What is not recorded one by one is still answered.
        assert (await http.get(path("notes", "a"))).json()["value"] == 1
    assert (await http.get(path("notes", "b"))).status_code == 404
    assert (await http.put(path("notes", "a"), json={"value": 3})).json()["version"] == 2
    answer = await http.get(path("notes", "a") + "/revisions")
    assert [item["version"] for item in answer.json()["items"]] == [2, 1]


@WAYS
async def test_no_confidential_value_without_its_record(
    http: httpx.AsyncClient, way: tuple[str, str]
) -> None:
    await http.put(path("secrets", "a"), json={"value": "canary-value"})
    with failing(way):
        answer = await http.get(path("secrets", "a"))
        assert is_refused(answer)
        assert "canary-value" not in answer.text
    assert (await http.get(path("secrets", "a"))).json()["value"] == "canary-value"


@WAYS
def test_nothing_is_governed_without_its_record(world: World, way: tuple[str, str]) -> None:
    owner = Api(make_member(world.tenant, "owner"))
    with failing(way):
        assert is_refused(owner("POST", "/agents", {"name": "never", "roles": ["reader"]}))
        assert is_refused(owner("POST", "/namespaces", {"name": "never"}))
    assert "never" not in owner("GET", "/agents").content.decode()
    assert owner("POST", "/agents", {"name": "now", "roles": ["reader"]}).status_code == 201


@WAYS
def test_the_console_and_the_jobs_are_refused_alike(world: World, way: tuple[str, str]) -> None:
    doing: list[Callable[[], Any]] = [
        lambda: world.put("a", 1),
        lambda: world.another(description="never"),
    ]
    with failing(way):
        for act in doing:
            with pytest.raises(AuditUnavailable):
                act()
    with pytest.raises(NotFound):
        world.get("a")
