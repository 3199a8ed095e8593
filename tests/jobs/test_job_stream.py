"""A run followed live: what is told, to whom, and when it ends."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from stateward.kernel.ids import uuid7
from stateward.operations.jobs import feed, follower, stream
from stateward.operations.jobs.lease import Lease
from stateward.operations.jobs.running import Run
from stateward.operations.jobs.services import cancel
from stateward.operations.jobs.stream import JobStreams, is_stream
from stateward.state.callers import Callers
from stateward.state.travel import Travel
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import Member, Tenant
from stateward.tenancy.scope import tenant_scope
from stateward.tenancy.usage import Uses
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.jobs import queued
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")
T = TypeVar("T")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.02)


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def viewer(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "viewer"))


class Stream:
    """A client of the application itself, which lives in a loop of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.inward: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outward: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def start(self) -> dict[str, Any]:
        return done(self._loop, self.outward.get())

    def text(self) -> str:
        """The next piece; empty at the end."""
        return str(done(self._loop, self.outward.get())["body"].decode())

    def message(self) -> Any:
        text = self.text()
        while text.startswith(":"):
            text = self.text()
        assert text, "the stream has ended"
        return json.loads(text.partition("data: ")[2])

    def end(self) -> None:
        """What is still on the way, then the end."""
        while self.text():
            pass


def done(loop: asyncio.AbstractEventLoop, work: Awaitable[T]) -> T:
    async def waited() -> T:
        return await asyncio.wait_for(work, 5)

    return asyncio.run_coroutine_threadsafe(waited(), loop).result(6)


class Application:
    """The streams of one process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.travel = Travel(settings.DATA_PLANE_DATABASE_URL)
        done(loop, self.travel.open())
        self.streams = JobStreams(self.travel, Callers(self.travel, Uses()))

    def close(self) -> None:
        done(self.loop, self.streams.close())
        done(self.loop, self.travel.close())

    @contextmanager
    def follow(self, path: str, headers: dict[str, str], method: str = "GET") -> Iterator[Stream]:
        client = Stream(self.loop)
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        }
        serving = asyncio.run_coroutine_threadsafe(
            self.streams(scope, client.inward.get, client.outward.put), self.loop
        )
        try:
            yield client
        finally:
            done(self.loop, client.inward.put({"type": "http.disconnect"}))
            serving.result(6)

    def status(self, path: str, headers: dict[str, str], method: str = "GET") -> tuple[int, str]:
        """What a stream that does not begin is answered."""
        with self.follow(path, headers, method) as client:
            start = client.start()
            code = json.loads(client.text())["code"] if start["status"] != 200 else ""
        return start["status"], code


@pytest.fixture
def application() -> Iterator[Application]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    found = Application(loop)
    yield found
    found.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_run_is_followed_to_its_end(
    application: Application, viewer: Api, tenant: Tenant
) -> None:
    run_id = queued(tenant.id)
    lease = Lease()

    def begin() -> None:
        taken = lease.take(run_id)
        assert taken is not None
        run = Run(taken, lease, turn=None)
        run.note("counting")
        run.progress(1, 4, "copying")

    with (
        application.follow(f"/api/v1/jobs/{run_id}/events", viewer.headers) as client,
    ):
        start = client.start()
        waiting = client.message()
        begin()
        running = client.message()
        while not running["lines"] or running["done"] != 1:
            running = client.message() | {"lines": running["lines"] or [0]}
        lease.finish("done")
        last = client.message()
        while not last["is_over"]:
            last = client.message()
        client.end()
        assert application.streams.count == 0
    lease.__exit__()

    assert start["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert (waiting["state"], waiting["says"]) == ("queued", "waits for a worker")
    assert (running["state"], running["share"]) == ("running", 0.25)
    assert running["says"].startswith("copying, 1 of 4")
    assert (last["state"], last["done"], last["total"]) == ("done", 1, 4)


def test_the_log_goes_on_where_the_reader_was(
    application: Application, viewer: Api, tenant: Tenant
) -> None:
    run_id = queued(tenant.id)
    with Lease() as lease:
        lease.take(run_id)
        for text in ("one", "two", "three"):
            lease.add_line(text)
        lease.finish("done")
    path = f"/api/v1/jobs/{run_id}/events"
    seen: list[list[str]] = []

    for where, headers in ((path, {}), (f"{path}?after=2", {}), (path, {"Last-Event-ID": "1"})):
        with application.follow(where, viewer.headers | headers) as client:
            client.start()
            text = client.text()
            assert text.startswith("id: 3\n")
            message = json.loads(text.partition("data: ")[2])
            seen.append([line["text"] for line in message["lines"]])

    assert seen == [["one", "two", "three"], ["three"], ["two", "three"]]


def test_a_tenants_open_runs_are_followed_and_no_others(
    application: Application, viewer: Api, tenant: Tenant
) -> None:
    queued(new_tenant().id)
    first = queued(tenant.id)

    with (
        application.follow("/api/v1/jobs/events", viewer.headers) as client,
    ):
        client.start()
        before = client.message()
        second = queued(tenant.id)
        both = client.message()
        cancel(first, tenant_id=tenant.id)
        after = client.message()

    assert [ids(message) for message in (before, both, after)] == [
        [first],
        [first, second],
        [second],
    ]


def ids(message: Any) -> list[UUID]:
    return [UUID(run["id"]) for run in message["runs"]]


def test_the_consoles_session_follows_too(application: Application, tenant: Tenant) -> None:
    run_id = queued(tenant.id)
    headers = cookie_of(make_member(tenant, "viewer"))

    with (
        application.follow(f"/t/{tenant.slug}/jobs/{run_id}/events", headers) as client,
    ):
        start = client.start()
        message = client.message()

    assert (start["status"], message["state"]) == (200, "queued")


def cookie_of(member: Member) -> dict[str, str]:
    client = Client()
    client.force_login(member.person, settings.AUTHENTICATION_BACKENDS[0])
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}


def test_nobody_follows_unknown(application: Application, tenant: Tenant) -> None:
    path = f"/api/v1/jobs/{queued(tenant.id)}/events"

    assert application.status(path, {}) == (401, "unauthenticated")
    assert application.status(path, {"Authorization": "Bearer sw_x"}) == (401, "bad_credential")


def test_a_run_of_another_tenant_is_not_there(
    application: Application, viewer: Api, tenant: Tenant
) -> None:
    theirs = new_tenant()
    run_id = queued(theirs.id)
    stranger = cookie_of(make_member(tenant, "owner"))

    assert application.status(f"/api/v1/jobs/{run_id}/events", viewer.headers) == (404, "not_found")
    assert application.status(f"/api/v1/jobs/{uuid7()}/events", viewer.headers) == (
        404,
        "not_found",
    )
    for path in (f"/t/{theirs.slug}/jobs/events", f"/t/{theirs.slug}/jobs/{run_id}/events"):
        assert application.status(path, stranger) == (404, "not_found")


def test_who_may_not_read_jobs_is_denied_and_that_is_on_record(
    application: Application, tenant: Tenant
) -> None:
    agent = Api(make_agent(tenant, "writer"))
    run_id = queued(tenant.id)

    assert application.status("/api/v1/jobs/events", agent.headers) == (403, "forbidden")
    assert application.status(f"/api/v1/jobs/{run_id}/events", agent.headers) == (404, "not_found")

    denied = [event for event in audit_events(tenant.id) if event[0] == "job.read"]
    assert len(denied) >= 1
    assert {outcome for _, _, outcome in denied} == {"deny_no_match"}


def test_another_site_does_not_follow(application: Application, viewer: Api) -> None:
    headers = viewer.headers | {"Sec-Fetch-Site": "cross-site"}

    assert application.status("/api/v1/jobs/events", headers) == (403, "forbidden")


def test_a_stream_is_only_read(application: Application, viewer: Api) -> None:
    assert (application.status("/api/v1/jobs/events", viewer.headers, "POST"))[0] == 405


def test_one_caller_opens_only_so_many(
    application: Application, viewer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_EACH", 1)
    path = "/api/v1/jobs/events"

    with application.follow(path, viewer.headers) as first:
        assert (first.start())["status"] == 200
        with application.follow(path, viewer.headers) as second:
            assert (second.start())["status"] == 429


def by_suspension(member: Member) -> None:
    with tenant_scope(member.tenant_id):
        Member.objects.filter(id=member.id).update(roles=[])
        bump(member.tenant_id, "principals")


def by_signing_out(member: Member) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(member.person_id):
            session.delete()


@pytest.mark.parametrize("revoke", [by_suspension, by_signing_out], ids=["rights", "session"])
def test_the_stream_ends_with_the_right_to_it(
    application: Application,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    revoke: Callable[[Member], None],
) -> None:
    if revoke is by_signing_out:
        monkeypatch.setattr(follower, "ASK_AGAIN_SECONDS", 0.05)
    member = make_member(tenant, "viewer")
    queued(tenant.id)

    with (
        application.follow(f"/t/{tenant.slug}/jobs/events", cookie_of(member)) as client,
    ):
        client.start()
        client.message()
        revoke(member)
        client.end()
        queued(tenant.id)
        assert application.streams.count == 0


def test_a_silent_stream_shows_that_it_lives(
    application: Application, viewer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "QUIET_SECONDS", 0.05)

    with (
        application.follow("/api/v1/jobs/events", viewer.headers) as client,
    ):
        client.start()
        client.message()
        assert client.text() == ": still here\n\n"


def test_nobody_looks_while_nobody_follows(application: Application, viewer: Api) -> None:
    with application.follow("/api/v1/jobs/events", viewer.headers) as client:
        client.start()
        client.message()

    assert application.streams._feed._looking is not None
    done(application.loop, application.streams._feed._looking)  # it ends by itself


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/api/v1/jobs/events", True),
        ("/t/acme/jobs/events", True),
        ("/t/acme/jobs/01a1fe0e-2cf8-7117-9394-d3031af446cb/events?after=2", True),
        ("/t/acme/jobs/odd/events", False),
        ("/t/acme/jobs/", False),
        ("/api/v1/jobs/01a1fe0e-2cf8-7117-9394-d3031af446cb", False),
    ],
)
def test_streams_are_told_by_their_address(path: str, is_ours: bool) -> None:
    assert is_stream(path.encode()) is is_ours
