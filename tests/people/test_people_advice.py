"""What docs/people.md advises works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.factories.api import Api, Browser, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "people.md"


def test_a_second_factor_can_be_asked_for_by_policy() -> None:
    found = re.search(
        r"^    forbid .*?;$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    tenant = new_tenant()
    owner = make_member(tenant, "owner")
    key, browser = Api(owner), Browser(owner)
    member = make_member(tenant, "viewer")
    policy = key("POST", "/policies", {"name": "mfa", "text": found[0]})
    assert policy.status_code == 201, policy.content

    place = f"/policies/{policy.json()['id']}/activation"
    activated = key("PUT", place, {"version": 1})

    assert activated.status_code == 200, activated.content
    assert browser("PATCH", f"/members/{member.id}", {"roles": ["editor"]}).status_code == 403
    session = browser.client.session
    session["account_authentication_methods"] += [
        {"method": "mfa", "at": session["account_authentication_methods"][0]["at"]}
    ]
    session.save()
    assert browser("PATCH", f"/members/{member.id}", {"roles": ["editor"]}).status_code == 200
    assert browser("PUT", f"/agents/{make_agent(tenant).id}/pause").status_code == 200
