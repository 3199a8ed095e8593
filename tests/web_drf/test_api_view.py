"""What every control-plane resource does before and after its handler."""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from rest_framework import serializers
from rest_framework.response import Response

from stateward.kernel.clock import now
from stateward.kernel.errors import Conflict, Forbidden, NotFound, StatewardError
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent, Credential, Person, Tenant
from stateward.tenancy.scope import tenant_scope
from stateward.web.drf import refusals
from stateward.web.drf.idempotency import CLAIM
from stateward.web.drf.models import KeptAnswer
from stateward.web.drf.pages import page_by_id
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer
from stateward.web.drf.views import ApiView
from stateward.web.sessions import choose_tenant, current_membership
from tests.factories.tenants import (
    make_agent,
    make_key,
    make_member,
    make_person,
    make_tenant,
)

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.urls(__name__),
]


class ThingSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    secret = serializers.CharField(read_only=True)


class Things(ApiView):
    secret_members = ("secret",)

    def get(self, request: ActorRequest) -> Response:
        return page_by_id(request, Agent.objects.all(), lambda agent: {"name": agent.name})

    def post(self, request: ActorRequest) -> Response:
        body = self.read(ThingSerializer)
        if body["name"] == "forbidden" or "reader" not in request.actor.roles:
            raise Forbidden(decision_id="d-1")
        if body["name"] == "bug":
            raise RuntimeError("the database password is hunter2")
        if Agent.objects.filter(name=body["name"]).exists():
            raise Conflict
        Agent.objects.create(tenant_id=request.actor.tenant_id, name=body["name"], roles=[])
        count = Agent.objects.filter(name=body["name"]).count()
        return Response({"name": body["name"], "secret": "s3cret", "count": count}, status=201)


class Who(ApiView):
    def get(self, request: ActorRequest) -> Response:
        call = request.call
        said = [call.request_id, call.source_address, call.purpose, call.run, call.trace_id]
        return Response({"id": str(request.actor.id), "mfa": request.actor.mfa, "call": said})


urlpatterns = [
    path("things", Things.as_view()),
    path("who", Who.as_view()),
    path("page", lambda request: HttpResponse(str(getattr(request.actor, "id", "")))),
]


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant()


@pytest.fixture
def agent(tenant: Tenant) -> Agent:
    return make_agent(tenant, "reader")


@pytest.fixture
def bearer(agent: Agent) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key(agent).text}"}


def post(body: Any, headers: dict[str, str], **more: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = {"content_type": "application/json", **more}
    return Client().post("/things", data=data, headers=headers, **more)


def test_without_a_credential_the_answer_is_401_with_a_challenge() -> None:
    answer = Client().get("/who")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer nonsense", "sw_x"])
def test_a_wrong_header_is_401_and_never_falls_back_to_the_cookie(
    header: str, tenant: Tenant
) -> None:
    client = Client()
    client.force_login(make_member(tenant).person)

    answer = client.get("/who", headers={"Authorization": header})

    assert answer.status_code == 401


def test_a_key_works_in_its_own_tenant_only(bearer: dict[str, str], tenant: Tenant) -> None:
    named = bearer | {"Stateward-Tenant": tenant.slug}

    assert Client().get("/who", headers=named).status_code == 200
    other = bearer | {"Stateward-Tenant": make_tenant().slug}
    assert Client().get("/who", headers=other).status_code == 401


def test_the_call_is_what_the_headers_say(bearer: dict[str, str], agent: Agent) -> None:
    said = {
        "X-Request-ID": "req-1",
        "Stateward-Purpose": "billing",
        "Stateward-Run": "run-9",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }

    answer = Client().get("/who", headers=bearer | said)

    assert answer.json()["id"] == str(agent.id)
    assert answer.json()["call"] == ["req-1", "127.0.0.1", "billing", "run-9", "a" * 32]
    assert answer["X-Request-ID"] == "req-1"
    assert answer["Cache-Control"] == "no-store"


def test_a_request_id_that_cannot_be_repeated_is_replaced(bearer: dict[str, str]) -> None:
    answer = Client().get("/who", headers=bearer | {"X-Request-ID": "a b\tc"})

    assert answer.status_code == 200
    assert answer["X-Request-ID"] != "a b\tc"


def test_the_use_of_a_key_is_noted(bearer: dict[str, str], tenant: Tenant) -> None:
    Client().get("/who", headers=bearer)

    with tenant_scope(tenant.id):
        assert Credential.objects.get().last_used_address == "127.0.0.1"


def test_a_key_in_the_url_is_refused_and_not_repeated(agent: Agent) -> None:
    key = make_key(agent)

    answer = Client().get(f"/things?api_key={key.text}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "credential_in_url"
    assert key.text not in answer.content.decode()


def test_a_nul_in_the_url_is_refused(bearer: dict[str, str]) -> None:
    assert Client().get("/things?cursor=%00", headers=bearer).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"{", 400, ""),
        (b'{"name": "a", "name": "b"}', 400, "/name"),
        (b'{"name": "a", "tenant": "x"}', 400, "/tenant"),
        (b'{"name": "a", "secret": "x"}', 400, "/secret"),
        (b'{"name": 1e999}', 400, "/name"),
        (b"{}", 422, "/name"),
        (b"[]", 422, ""),
        (b'{"name": {}}', 422, "/name"),
        (b'{"name": null}', 422, "/name"),
    ],
)
def test_a_bad_body_is_refused_with_a_pointer(
    body: bytes, status: int, pointer: str, bearer: dict[str, str]
) -> None:
    answer = post(body, bearer)

    assert answer.status_code == status, answer.content
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_other_media_types_large_bodies_and_methods_are_refused(bearer: dict[str, str]) -> None:
    assert post(b"a=b", bearer, content_type="application/x-www-form-urlencoded").status_code == 415
    assert post(b'"' + b"x" * (8 * 1024 * 1024) + b'"', bearer).status_code == 413
    refused = Client().delete("/things", headers=bearer)
    assert refused.status_code == 405
    assert "GET" in refused["Allow"]


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override"])
def test_a_header_cannot_change_the_method(header: str, bearer: dict[str, str]) -> None:
    answer = Client().get("/things", headers=bearer | {header: "POST"})

    assert answer.status_code == 200


def test_a_fault_of_ours_says_nothing_about_the_inside(
    bearer: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = post({"name": "bug"}, bearer)

    assert answer.status_code == 500
    assert "hunter2" not in answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"


def test_a_refusal_undoes_everything_and_is_reported(
    bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Actor | None, Call, StatewardError]] = []
    monkeypatch.setattr(refusals, "_recorders", [lambda *said: seen.append(said)])

    answer = post({"name": "forbidden"}, bearer | {"X-Request-ID": "req-2"})

    assert answer.status_code == 403
    assert answer.json()["decision_id"] == "d-1"
    assert [(call.request_id, error.status) for _, call, error in seen] == [("req-2", 403)]


def test_a_refusal_that_cannot_be_recorded_is_unavailable(
    bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(refusals, "_recorders", [failing])

    assert post({"name": "forbidden"}, bearer).status_code == 503


def test_a_use_that_cannot_be_noted_fails_nothing(
    bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("stateward.web.drf.views.touch_credentials", failing)

    assert Client().get("/who", headers=bearer).status_code == 200


def test_pages_follow_each_other_to_the_end(bearer: dict[str, str], tenant: Tenant) -> None:
    for _ in range(4):
        make_agent(tenant)

    names: list[str] = []
    cursor = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = Client().get(f"/things?limit=2{more}", headers=bearer).json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert len(names) == len(set(names)) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=AAA", "cursor=%21"])
def test_a_bad_page_is_400(query: str, bearer: dict[str, str]) -> None:
    assert Client().get(f"/things?{query}", headers=bearer).status_code == 400


# Idempotency


def test_a_repeat_answers_as_the_first_and_shows_no_secret(bearer: dict[str, str]) -> None:
    headers = bearer | {"Idempotency-Key": "k1"}

    first, second = post({"name": "one"}, headers), post({"name": "one"}, headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["secret"] == "s3cret"
    assert second.json() == first.json() | {"secret": None}
    assert second["Idempotency-Replayed"] == "true"


def test_another_request_under_the_key_is_refused(bearer: dict[str, str]) -> None:
    headers = bearer | {"Idempotency-Key": "k1"}
    post({"name": "one"}, headers)

    assert post({"name": "two"}, headers).status_code == 422
    changed = post({"name": "one"}, headers | {"If-Match": '"3"'})
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")


def test_a_kept_conflict_stays_and_a_fault_does_not(bearer: dict[str, str], tenant: Tenant) -> None:
    make_agent(tenant, name="one")
    assert post({"name": "one"}, bearer | {"Idempotency-Key": "c"}).status_code == 409
    with tenant_scope(tenant.id):
        Agent.objects.filter(name="one").delete()

    again = post({"name": "one"}, bearer | {"Idempotency-Key": "c"})

    assert again.status_code == 409
    assert again["Idempotency-Replayed"] == "true"
    assert again["Content-Type"] == "application/problem+json"
    assert post({"name": "bug"}, bearer | {"Idempotency-Key": "f"}).status_code == 500
    assert post({"name": "new"}, bearer | {"Idempotency-Key": "f"}).status_code == 201


def test_a_repeat_is_decided_anew(bearer: dict[str, str], agent: Agent, tenant: Tenant) -> None:
    headers = bearer | {"Idempotency-Key": "k1"}
    post({"name": "one"}, headers)
    with tenant_scope(tenant.id):
        Agent.objects.filter(id=agent.id).update(roles=["writer"])

    assert post({"name": "one"}, headers).status_code == 403


def test_keys_of_two_principals_do_not_meet(bearer: dict[str, str], tenant: Tenant) -> None:
    other = {"Authorization": f"Bearer {make_key(make_agent(tenant)).text}"}
    post({"name": "one"}, bearer | {"Idempotency-Key": "k1"})

    assert post({"name": "two"}, other | {"Idempotency-Key": "k1"}).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", " lead"])
def test_a_bad_key_is_400(key: str, bearer: dict[str, str]) -> None:
    assert post({"name": "one"}, bearer | {"Idempotency-Key": key}).status_code == 400


# Sessions


@pytest.fixture
def signed_in(tenant: Tenant) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_member(tenant, "reader", person=make_person()).person)
    return client


def test_a_session_reads_without_and_writes_only_with_the_csrf_token(signed_in: Client) -> None:
    data = json.dumps({"name": "one"})

    assert signed_in.get("/who").status_code == 200
    refused = signed_in.post("/things", data=data, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    signed_in.cookies["stateward_csrf"] = token = "a" * 32
    headers = {"X-CSRFToken": token}
    answer = signed_in.post("/things", data=data, content_type="application/json", headers=headers)
    assert answer.status_code == 201
    for origin in ("null", "https://evil.example"):
        refused = signed_in.post(
            "/things",
            data=data,
            content_type="application/json",
            headers=headers | {"Origin": origin},
        )
        assert refused.status_code == 403


def test_a_session_works_in_the_tenant_named_if_a_member_there(signed_in: Client) -> None:
    person_id = signed_in.session["_auth_user_id"]
    second = make_tenant()
    member = make_member(second, "viewer", person=Person.objects.get(id=person_id))

    chosen = signed_in.get("/who", headers={"Stateward-Tenant": second.slug})
    foreign = signed_in.get("/who", headers={"Stateward-Tenant": make_tenant().slug})
    absent = signed_in.get("/who", headers={"Stateward-Tenant": "no-such"})

    assert chosen.json()["id"] == str(member.id)
    assert foreign.status_code == absent.status_code == 404
    strip = {"instance": ""}
    assert foreign.json() | strip == absent.json() | strip


def test_a_session_ends_by_idleness_and_by_age(tenant: Tenant) -> None:
    person = make_member(tenant, "viewer").person
    client = Client()
    client.force_login(person)
    assert client.get("/who").status_code == 200

    with override_settings(SESSION_IDLE_SECONDS=-1):
        assert client.get("/who").status_code == 401
    client.force_login(person)
    client.get("/who")
    with override_settings(SESSION_ABSOLUTE_SECONDS=-1):
        assert client.get("/who").status_code == 401


def test_a_person_in_no_tenant_is_not_let_in() -> None:
    client = Client()
    client.force_login(make_person())

    assert client.get("/who").status_code == 401


def test_a_disabled_persons_session_is_worth_nothing(signed_in: Client) -> None:
    Person.objects.filter(id=signed_in.session["_auth_user_id"]).update(is_active=False)

    assert signed_in.get("/who").status_code == 401


def test_two_at_once_under_one_key_have_one_effect(bearer: dict[str, str], tenant: Tenant) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(4)

    def send() -> None:
        barrier.wait()
        answers.append(post({"name": "one"}, bearer | {"Idempotency-Key": "k1"}))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 4
    assert sum(answer.has_header("Idempotency-Replayed") for answer in answers) == 3
    with tenant_scope(tenant.id):
        assert Agent.objects.filter(name="one").count() == 1


def test_a_repeat_waits_only_so_long_for_the_first(
    bearer: dict[str, str], agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stateward.web.drf.idempotency.WAIT_MILLISECONDS", 50)
    with psycopg.connect(os.environ["STATEWARD_DATABASE_URL"]) as first:
        first.execute("SELECT set_config('stateward.tenant', %s, true)", (str(agent.tenant_id),))
        place = (uuid7(), agent.tenant_id, agent.id, "k1", b"")
        first.execute(CLAIM, place)

        answer = post({"name": "one"}, bearer | {"Idempotency-Key": "k1"})
        first.rollback()

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    assert post({"name": "one"}, bearer | {"Idempotency-Key": "k1"}).status_code == 201


def test_an_answer_is_kept_for_a_day(bearer: dict[str, str], tenant: Tenant) -> None:
    headers = bearer | {"Idempotency-Key": "k1"}
    post({"name": "one"}, headers)
    with tenant_scope(tenant.id):
        KeptAnswer.objects.update(created_at=now() - timedelta(hours=25))

    assert post({"name": "two"}, headers).status_code == 201


def test_the_console_chooses_among_its_persons_tenants(tenant: Tenant) -> None:
    person = make_member(tenant, "viewer").person
    second = make_tenant()
    make_member(second, "viewer", person=person)
    request = HttpRequest()
    request.user = person
    request.session = SessionStore()

    choose_tenant(request, second.slug)

    membership = current_membership(request)
    assert membership is not None
    assert membership.tenant_slug == second.slug
    with pytest.raises(NotFound):
        choose_tenant(request, make_tenant().slug)
