"""What docs/people.md advises works."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import Client

from tests.factories.api import Api, Browser, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "people.md"


def advised(word: str) -> str:
    """The policy on the page that speaks of ``word``."""
    text = PAGE.read_text(encoding="utf-8")
    policies: list[str] = re.findall(r"^    forbid .*?;$", text, re.MULTILINE | re.DOTALL)
    return next(policy for policy in policies if word in policy)


def put_in_force(owner: Api, text: str) -> None:
    policy = owner("POST", "/policies", {"name": "advised", "text": text})
    assert policy.status_code == 201, policy.content
    activated = owner("PUT", f"/policies/{policy.json()['id']}/activation", {"version": 1})
    assert activated.status_code == 200, activated.content


def test_an_agents_key_can_be_bound_to_a_network() -> None:
    tenant = new_tenant()
    put_in_force(Api(make_member(tenant, "owner")), advised("source_address"))
    bound = Api(make_agent(tenant, "builder", team="billing"))
    free = Api(make_agent(tenant, "builder", team="other"))

    def create(caller: Api, address: str) -> int:
        name = {"name": f"n{uuid4().hex}"}
        answer = Client(REMOTE_ADDR=address).post(
            "/api/v1/namespaces", name, content_type="application/json", headers=caller.headers
        )
        return answer.status_code

    assert create(bound, "10.20.1.1") == 201
    assert create(bound, "192.0.2.1") == 403
    assert create(free, "192.0.2.1") == 201


def test_a_second_factor_can_be_asked_for() -> None:
    tenant = new_tenant()
    owner, member = make_member(tenant, "owner"), make_member(tenant, "viewer")
    browser = Browser(owner)
    put_in_force(Api(owner), advised("mfa"))
    place, roles = f"/members/{member.id}", {"roles": ["editor"]}

    assert browser("PATCH", place, roles).status_code == 403
    session = browser.client.session
    proofs = session["account_authentication_methods"]
    session["account_authentication_methods"] = [*proofs, {"method": "mfa", "at": proofs[0]["at"]}]
    session.save()
    assert browser("PATCH", place, roles).status_code == 200
