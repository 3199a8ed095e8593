"""A rule that would delete sooner waits for other people, where the tenant says so."""

from __future__ import annotations

from typing import Any

import pytest

from governance.people.acts import system_call
from governance.retention.approving import SHORTEN
from governance.retention.services.rules import change_rule, create_rule, end_rule
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.tenancy.models import Member
from tests.factories.api import Api, Browser
from tests.factories.approvals import set_number
from tests.factories.retention import Keeper, terms
from tests.factories.tenants import make_member, make_person

TERMS = {"kind": "delete", "namespace": "notes", "days": 30}


@pytest.fixture
def other(keeper: Keeper) -> Member:
    set_number(keeper.tenant_id, SHORTEN, 1)
    return make_member(keeper.world.tenant, "owner", person=make_person(name="Omar"))


def test_a_rule_that_deletes_is_written_once_somebody_agreed(keeper: Keeper, other: Member) -> None:
    owner = Api(keeper.member)
    rule = {"name": "month", **TERMS}
    refused = owner("POST", "/retention/rules", rule)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_needed")

    asked = owner(
        "POST", "/retention/rules/approval", {"name": "month", "terms": TERMS, "reason": "Agreed."}
    ).json()
    vote = {"verdict": "approve", "sha256": asked["sha256"]}
    voted = Browser(other)("POST", f"/approvals/{asked['id']}/votes", vote)

    assert voted.status_code == 201, voted.json()
    assert owner("POST", "/retention/rules", rule | {"days": 10}).status_code == 409
    assert owner("POST", "/retention/rules", rule).status_code == 201
    again = owner("POST", "/retention/rules", rule | {"name": "again"})
    assert again.json()["code"] == "approval_needed"  # an agreement is used once, by what it names


def test_what_protects_asks_nobody(keeper: Keeper, other: Member) -> None:
    def say(act: Any, *given: Any, **said: Any) -> Any:
        return act(keeper.owner, system_call(), *given, **said)

    kept = say(create_rule, name="law", terms=terms("retain"))
    say(change_rule, kept.rule.id, terms=terms("retain", days=60))
    with pytest.raises(ApprovalNeeded):
        say(change_rule, kept.rule.id, terms=terms("retain", days=10))
    with pytest.raises(ApprovalNeeded):
        say(end_rule, kept.rule.id)


def test_nobody_is_asked_by_default(keeper: Keeper) -> None:
    assert keeper.rule("month", days=30).word == "in_force"
