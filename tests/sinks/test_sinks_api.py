"""Sinks over REST: who may, what is refused, that secrets stay inside, that tenants stay apart."""

from __future__ import annotations

from typing import Any

import pytest

from governance.sinks.models import Sink
from stateward.kernel.ids import uuid7
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_member
from tests.sinks.sink_world import Sinks

FILE = {"name": "archive", "kind": "file", "settings": {"file": "audit"}}


@pytest.fixture
def api(sinks: Sinks) -> Api:
    return Api(sinks.member)


def make(api: Api, **more: Any) -> Any:
    answer = api("POST", "/audit/sinks", FILE | more)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_one_is_made_read_changed_paused_moved_and_removed(api: Api, sinks: Sinks) -> None:
    made = make(api)
    path = f"/audit/sinks/{made['id']}"

    assert made["secret"] is None
    assert api("GET", "/audit/sinks").json()["items"][0]["name"] == "archive"
    assert api("PATCH", path, {"format": "csv"}).json()["format"] == "csv"
    assert api("PUT", f"{path}/pause").json()["condition"] == "paused"
    assert api("DELETE", f"{path}/pause").json()["state"] == "active"
    assert api("PUT", f"{path}/place", {"place": 0}).json()["place"] == 0
    assert api("PUT", f"{path}/place", {"place": 10**9}).status_code == 422
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404
    events = [event for _, event, _ in audit_events(sinks.tenant.id) if event]
    assert events[-6:] == [
        "sink.created", "sink.changed", "sink.paused", "sink.resumed", "sink.moved",
        "sink.removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"kind": "pigeon"}, 422, "/kind"),
        ({"format": "xml"}, 422, "/format"),
        ({"name": "../x"}, 422, "/name"),
        ({"settings": {"file": "../../etc/passwd"}}, 422, "/settings/file"),
        ({"settings": {"file": "a", "mode": 7}}, 422, "/settings/mode"),
        ({"settings": {"file": "a", "rotate_bytes": 1}}, 422, "/settings/rotate_bytes"),
        ({"kind": "webhook", "settings": {"url": "ftp://x.org/"}}, 422, "/settings/url"),
        ({"kind": "webhook", "settings": {"url": "http://x.org/"}}, 422, "/settings/url"),
        ({"kind": "webhook", "settings": {"url": "https://x.org/"}, "secret": "a"}, 422, "/secret"),
        ({"kind": "syslog", "settings": {"host": "a b", "port": 1}}, 422, "/settings/host"),
        ({"kind": "syslog", "settings": {"host": "x.org", "port": 0}}, 422, "/settings/port"),
        ({"kind": "syslog", "settings": {"host": "x.org", "ca": "x"}}, 422, "/settings/ca"),
        ({"kind": "s3", "settings": {"endpoint": "https://x.org"}}, 422, "/settings/region"),
        ({"tenant_id": str(uuid7())}, 400, "/tenant_id"),
        ({"cursor": 3}, 400, "/cursor"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(
    api: Api, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = api("POST", "/audit/sinks", FILE | body)

    assert answer.status_code == status, answer.content
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_secret_is_shown_once_and_kept_wrapped(api: Api, sinks: Sinks) -> None:
    where = {"url": "https://example.org/x"}
    made = make(api, kind="webhook", settings=where)

    assert made["secret"].startswith("whsec_")
    assert "secret" not in api("GET", f"/audit/sinks/{made['id']}").json()
    with tenant_scope(sinks.tenant.id):
        stored = bytes(Sink.objects.get(id=made["id"]).secret or b"")
    assert made["secret"].encode() not in stored
    again = api("PATCH", f"/audit/sinks/{made['id']}", {"secret": ""}).json()["secret"]
    assert again not in {None, made["secret"]}


def test_names_are_taken_once_and_there_are_so_many(api: Api) -> None:
    make(api)
    assert api("POST", "/audit/sinks", FILE).json()["code"] == "sink_name_taken"
    for number in range(19):
        make(api, name=f"s{number}")
    assert api("POST", "/audit/sinks", FILE | {"name": "x"}).json()["code"] == "too_many_sinks"


@pytest.mark.parametrize(
    ("role", "reads", "makes"),
    [("owner", 200, 201), ("admin", 200, 201), ("auditor", 200, 403), ("viewer", 403, 403)],
)
def test_who_may(sinks: Sinks, role: str, reads: int, makes: int) -> None:
    api = Api(make_member(sinks.tenant, role))

    assert api("GET", "/audit/sinks").status_code == reads
    assert api("POST", "/audit/sinks", FILE).status_code == makes


def test_another_tenant_finds_nothing(api: Api) -> None:
    made = make(api)
    stranger = Api(make_member(new_tenant(), "owner"))
    path = f"/audit/sinks/{made['id']}"

    assert stranger("GET", "/audit/sinks").json()["items"] == []
    for method, rest, body in (
        ("GET", "", None), ("PATCH", "", {"format": "csv"}), ("DELETE", "", None),
        ("PUT", "/pause", None), ("POST", "/test", None), ("PUT", "/place", {"place": 0}),
    ):  # fmt: skip
        answer = stranger(method, path + rest, body)
        random = stranger(method, f"/audit/sinks/{uuid7()}{rest}", body)
        assert (answer.status_code, random.status_code) == (404, 404)
        assert answer.json()["detail"] == random.json()["detail"]
    assert api("GET", path).json()["format"] == "ndjson"
