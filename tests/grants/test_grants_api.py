"""Grants over REST: given, in force at once, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from stateward.kernel.clock import now, rfc3339
from stateward.tenancy.models import Member
from tests.factories.api import Api, audit_events
from tests.factories.tenants import epoch_of, make_agent, make_member
from tests.grants.conftest import House, make_house

VALUES = ("namespace.read", "state.read", "state.write")


def test_a_grant_is_in_force_at_once_and_gone_when_revoked(house: House) -> None:
    nobody = Api(make_member(house.tenant, "auditor"))
    ask = {"action": "state.write", "resource": {"type": "entry", "id": "airline.bookings/k"},
           "principal": {"type": "member", "id": str(nobody.holder.id)}}  # fmt: skip
    before = epoch_of(house.tenant)

    given = house.grant(house.owner, nobody.holder, "namespace:airline.bookings", *VALUES)

    assert given.status_code == 201, given.content
    body = given.json()
    assert given["Location"] == f"/api/v1/grants/{body['id']}"
    assert body["actions"] == sorted(VALUES)
    assert body["given_by"]["id"] == str(house.owner.holder.id)
    assert (body["reason"], body["ends_at"], body["restricted"]) == ("On call this week", None, False)
    assert epoch_of(house.tenant) == before + 1
    answer = house.owner("POST", "/decisions/explanation", ask).json()
    assert (answer["allowed"], answer["code"]) == (True, "granted")
    assert answer["determining"][0]["label"] == f"grant:{body['id']}"

    assert house.owner("DELETE", f"/grants/{body['id']}").status_code == 204

    assert not house.owner("POST", "/decisions/explanation", ask).json()["allowed"]
    assert house.owner("GET", f"/grants/{body['id']}").status_code == 404
    events = [event for _, event, _ in audit_events(house.tenant.id)]
    assert [one for one in events if one and one.startswith("grant.")] == [
        "grant.given",
        "grant.revoked",
    ]
