"""Saved views of the audit, and exactly the filtered records as a file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from governance.evidence import tables
from stateward.gate.audit.record import append, compose
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

VIEW = {"name": "Denials of a week", "conditions": {"range": "7d", "outcome": "deny"}}


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def auditor(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "auditor"))


def write(tenant: Tenant, count: int, **more: Any) -> None:
    agent = make_agent(tenant, "writer", name=f"=agent-{more.get('outcome', '')}")
    actor = Actor("agent", agent.id, agent.name, tenant.id, tenant.slug, ("writer",))
    with tenant_scope(tenant.id):
        for number in range(count):
            named = {"action": "state.write", "resource_type": "entry", "resource_id": "n"}
            named |= {"personal": {"key": f"@key-{number}"}} | more
            call = Call("r-1", "192.0.2.7", purpose="+audit")
            run_flow(append(compose(actor=actor, call=call, **named)))


def test_a_view_is_kept_seen_and_removed_by_its_owner(tenant: Tenant, auditor: Api) -> None:
    made = auditor("POST", "/audit/views", VIEW)
    assert made.status_code == 201, made.content

    (view,) = auditor("GET", "/audit/views").json()["items"]
    assert (view["name"], view["conditions"], view["is_own"]) == (
        VIEW["name"], VIEW["conditions"], True,
    )  # fmt: skip
    assert auditor("POST", "/audit/views", VIEW).json()["code"] == "view_name_taken"
    assert auditor("DELETE", f"/audit/views/{view['id']}").status_code == 204
    assert auditor("GET", "/audit/views").json()["items"] == []
    assert [event for _, event, _ in audit_events(tenant.id)][-2:] == [
        "view.saved", "view.removed",
    ]  # fmt: skip


def test_a_view_is_others_to_see_only_where_it_is_shared(tenant: Tenant, auditor: Api) -> None:
    auditor("POST", "/audit/views", VIEW)
    shared = auditor("POST", "/audit/views", VIEW | {"name": "For all", "is_shared": True}).json()
    colleague = Api(make_member(tenant, "admin"))
    stranger = Api(make_member(new_tenant(), "owner"))

    (seen,) = colleague("GET", "/audit/views").json()["items"]
    assert (seen["name"], seen["is_own"]) == ("For all", False)
    assert stranger("GET", "/audit/views").json()["items"] == []
    for other in (colleague, stranger):
        assert other("DELETE", f"/audit/views/{shared['id']}").status_code == 404
    assert Api(make_member(tenant, "viewer"))("GET", "/audit/views").status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"conditions": {"tenant": "x"}}, "/conditions/tenant"),
        ({"conditions": {"key": "a\x00"}}, None),
        ({"name": " "}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"owner_id": "x"}, "/owner_id"),
    ],
)
def test_what_is_wrong_with_a_view_is_said(
    auditor: Api, body: dict[str, Any], pointer: str | None
) -> None:
    answer = auditor("POST", "/audit/views", VIEW | body)

    assert answer.status_code in {400, 422}
    assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_a_table_holds_exactly_what_the_list_holds(
    tenant: Tenant, auditor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 3)
    write(tenant, 7)
    write(tenant, 2, outcome="deny_forbid")
    wanted = 'q=action:state.write AND NOT outcome:deny AND purpose:"%2Baudit"'

    listed = auditor("GET", f"/audit/records?{wanted}").json()["items"]
    rows = list(csv.DictReader(io.StringIO(text_of(auditor("GET", f"/audit/table?{wanted}")))))
    lines = text_of(auditor("GET", f"/audit/table?{wanted}&format=ndjson")).splitlines()

    ids = [one["id"] for one in listed]
    assert len(ids) == 7
    assert [row["id"] for row in rows] == ids
    assert [json.loads(line)["id"] for line in lines] == ids
    assert all("salts" not in json.loads(line)["payload"] for line in lines)
    assert audit_events(tenant.id)[-1][0] == "audit.export"


def test_no_cell_of_the_table_is_a_formula(tenant: Tenant, auditor: Api) -> None:
    """F79."""
    write(tenant, 2)

    rows = list(csv.reader(io.StringIO(text_of(auditor("GET", "/audit/table")))))

    assert any("'@key-0" in row for row in rows)
    assert all(not cell or cell[0] not in "=+-@\t\r" for row in rows for cell in row)


@pytest.mark.parametrize("query", ["format=xml", "q=what:x", "q=(", "q=%00"])
def test_what_is_malformed_is_refused(auditor: Api, query: str) -> None:
    assert auditor("GET", f"/audit/table?{query}").status_code == 400


def test_the_place_of_an_error_is_named(auditor: Api) -> None:
    answer = auditor("GET", "/audit/records?q=actor:a what:x").json()

    assert "at character 9" in answer["detail"]


def test_who_may_not_export_gets_no_table(tenant: Tenant) -> None:
    assert Api(make_member(tenant, "viewer"))("GET", "/audit/table").status_code == 403


def test_a_table_of_another_tenant_is_empty(tenant: Tenant) -> None:
    write(tenant, 2)
    stranger = Api(make_member(new_tenant(), "owner"))

    rows = text_of(stranger("GET", "/audit/table?action=state.write")).splitlines()

    assert len(rows) == 1
