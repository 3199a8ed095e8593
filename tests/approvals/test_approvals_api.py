"""Approvals over REST: the inbox, a vote in a browser, numbers, and who sees what."""

from __future__ import annotations

import pytest

from tests.factories.api import Api, Browser
from tests.factories.approvals import Circle, make_circle
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def circle() -> Circle:
    return make_circle()


def hold_path(owner: Api) -> str:
    made = owner("POST", "/retention/holds", {"matter": "DOT-114", "reason": "Asked."})
    assert made.status_code == 201, made.content
    return f"/retention/holds/{made.json()['id']}/release"


def test_a_release_is_asked_for_agreed_to_in_a_browser_and_done(circle: Circle) -> None:
    owner, second = Api(circle.members[0]), Browser(circle.members[1])
    path = hold_path(owner)
    refused = owner("POST", path, {"reason": "Over."})
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_needed")
    assert "/release/approval" in refused.json()["detail"]

    asked = owner("POST", f"{path}/approval", {"reason": "Over."})

    assert asked.status_code == 201, asked.content
    body = asked.json()
    assert body["content"]["matter"] == "DOT-114"
    [waiting] = second("GET", "/approvals?state=waiting").json()["items"]
    assert waiting["id"] == body["id"]
    vote = {"verdict": "approve", "sha256": body["sha256"]}
    by_key = Api(circle.members[1])("POST", f"/approvals/{body['id']}/votes", vote)
    assert (by_key.status_code, by_key.json()["code"]) == (403, "may_not_vote")
    voted = second("POST", f"/approvals/{body['id']}/votes", vote)
    assert (voted.status_code, voted.json()["status"]) == (201, "approved")
    assert second("GET", "/approvals?state=waiting").json()["items"] == []
    assert owner("POST", path, {"reason": "Over."}).status_code == 200
    assert owner("GET", f"/approvals/{body['id']}").json()["status"] == "used"


def test_it_is_shown_to_those_it_concerns_alone(circle: Circle) -> None:
    owner = Api(circle.members[0])
    asked = owner("POST", hold_path(owner) + "/approval", {"reason": "Over."}).json()
    path = f"/approvals/{asked['id']}"
    viewer = Api(make_member(circle.tenant, "viewer"))
    auditor = Api(make_member(circle.tenant, "auditor"))
    agent = Api(make_agent(circle.tenant, "writer"))
    stranger = Api(make_circle(2).members[0])

    assert auditor("GET", path).status_code == 200
    for other in (viewer, agent, stranger):
        assert other("GET", path).status_code == 404
        assert other("GET", "/approvals").json()["items"] == []
        assert other("DELETE", path).status_code == 404
    assert owner("DELETE", path).status_code == 204
    assert owner("GET", path).json()["status"] == "withdrawn"


def test_numbers_are_listed_raised_and_lowered_by_asking(circle: Circle) -> None:
    owner = Api(circle.members[0])
    found = {one["kind"]: one for one in owner("GET", "/approvals/settings").json()["items"]}
    assert (found["hold.release"]["number"], found["hold.release"]["is_own"]) == (1, False)

    raised = owner("PUT", "/approvals/settings/hold.release", {"number": 2})
    lowered = owner("PUT", "/approvals/settings/hold.release", {"number": 1})

    assert (raised.status_code, raised.json()["number"]) == (200, 2)
    assert (lowered.status_code, lowered.json()["needed"]) == (202, 2)
    assert owner("PUT", "/approvals/settings/hold.release", {"number": 9}).status_code == 422
    assert owner("PUT", "/approvals/settings/nothing", {"number": 1}).status_code == 404
    viewer = Api(make_member(circle.tenant, "viewer"))
    assert viewer("PUT", "/approvals/settings/hold.release", {"number": 3}).status_code == 403
