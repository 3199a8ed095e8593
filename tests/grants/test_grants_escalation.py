"""F61, F63, F66: nobody gives themselves, or anybody, more than they hold. Each refusal is a 403
and a record.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from stateward.kernel.clock import now, rfc3339
from stateward.tenancy.models import Member
from tests.factories.api import Api, Browser
from tests.factories.state import audit_records
from tests.factories.tenants import epoch_of, make_agent, make_member
from tests.grants.conftest import House


def refused(house: House, act: Callable[..., Any], *args: Any, **named: Any) -> str:
    """The code of the refusal: 403, and nothing changed."""
    before = epoch_of(house.tenant)

    answer = act(*args, **named)

    assert answer.status_code == 403, answer.content
    assert epoch_of(house.tenant) == before
    return str(answer.json()["code"])


def denied(house: House, act: Callable[..., Any], *args: Any, **named: Any) -> str:
    """The same, with its own record in the audit."""
    before = denials(house)
    code = refused(house, act, *args, **named)
    assert denials(house) == before + 1
    return code


def denials(house: House) -> int:
    return sum(outcome != "allow" for _, outcome, _ in audit_records(house.tenant.id))


def test_nobody_edits_their_own_role(house: House) -> None:
    for one in (house.owner, house.admin):
        path = f"/members/{one.holder.id}"
        code = denied(house, one, "PATCH", path, {"roles": ["owner"]})
        # The decision point and the service draw the same line; whoever speaks first is named.
        assert code in {"own_membership", "above_own_rights", "forbidden"}


def test_nobody_grants_to_themselves(house: House) -> None:
    for one in (house.owner, house.admin):
        code = denied(house, house.grant, one, one.holder, "namespace:desk", "state.read")
        assert code == "own_grant"


def test_nobody_grants_to_a_group_they_are_in(house: House) -> None:
    assert isinstance(house.admin.holder, Member)
    group = house.group(house.admin.holder)

    to = ("group", group)

    code = denied(house, house.grant, house.admin, to, "namespace:desk", "state.read")

    assert code == "own_grant"
    assert (
        house.grant(house.owner, ("group", group), "namespace:desk", "state.read").status_code
        == 201
    )


@pytest.mark.parametrize(
    ("on", "action", "more"),
    [
        pytest.param("namespace:airline", "state.read", {"restricted": True}, id="restricted"),
        pytest.param("namespace:airline.customers", "state.write", {"restricted": True}, id="one"),
        pytest.param("namespace:desk", "state.purge", {}, id="an action"),
        pytest.param("tenant", "tenant.manage", {}, id="the tenant"),
        pytest.param("tenant", "*", {}, id="everything"),
        pytest.param("tenant", "key.*", {}, id="a group of actions"),
        pytest.param("tenant", "breakglass.use", {}, id="what nobody else has"),
    ],
)
def test_an_admin_gives_no_more_than_an_admin_holds(
    house: House, on: str, action: str, more: dict[str, Any]
) -> None:
    where = f"tenant:{house.tenant.slug}" if on == "tenant" else on

    code = denied(house, house.grant, house.admin, house.viewer.holder, where, action, **more)

    assert code == "above_own_rights"
    assert house.grant(house.owner, house.viewer.holder, where, action, **more).status_code == 201


def test_who_was_given_a_part_passes_on_no_more_than_that(house: House) -> None:
    keeper = Api(make_member(house.tenant, "auditor"))
    given = house.grant(
        house.owner, keeper.holder, "namespace:airline.bookings", "grant.*", "state.read",
        "namespace.read",
    )  # fmt: skip
    assert given.status_code == 201, given.content
    to, here = house.viewer.holder, "namespace:airline.bookings"

    assert house.grant(keeper, to, here, "state.read").status_code == 201
    assert denied(house, house.grant, keeper, to, here, "state.write") == "above_own_rights"
    assert denied(house, house.grant, keeper, keeper.holder, here, "state.read") == "own_grant"
    for elsewhere in ("namespace:desk", "namespace:airline"):
        assert denied(house, house.grant, keeper, to, elsewhere, "state.read") == "forbidden"


def test_a_right_for_a_time_is_given_for_no_longer(house: House) -> None:
    soon, later = now() + timedelta(hours=1), now() + timedelta(hours=2)
    keeper = Api(make_member(house.tenant, "auditor"))
    house.grant(
        house.owner, keeper.holder, "namespace:desk", "grant.*", "state.read", ends_at=rfc3339(soon)
    )
    to = house.viewer.holder

    for ends_at in (None, rfc3339(later)):
        code = refused(
            house, house.grant, keeper, to, "namespace:desk", "state.read", ends_at=ends_at
        )
        assert code == "above_own_rights"
    within = rfc3339(soon - timedelta(minutes=1))
    assert (
        house.grant(keeper, to, "namespace:desk", "state.read", ends_at=within).status_code == 201
    )


def test_a_right_that_stops_at_a_name_is_none_to_hand_on(house: House) -> None:
    """Permitted on one namespace by a policy, they would reach all beneath it by a grant."""
    keeper = Api(make_member(house.tenant, "auditor"))
    text = (
        f'permit (principal == Member::"{keeper.holder.id}", '
        'action in [Action::"grant.manage", Action::"state.read"], resource) '
        'when { resource has namespace && resource.namespace == "desk" };'
    )
    policy = house.owner("POST", "/policies", {"name": "p", "text": text}).json()["id"]
    house.owner("PUT", f"/policies/{policy}/activation", {"version": 1})

    to = house.viewer.holder
    code = denied(house, house.grant, keeper, to, "namespace:desk", "state.read")

    assert code == "above_own_rights"


def test_nobody_edits_a_group_that_holds_more_than_they_do(house: House) -> None:
    viewer = house.viewer.holder
    group = house.group()
    house.grant(house.owner, ("group", group), "namespace:airline", "state.*", restricted=True)
    path = f"/groups/{group}"

    member = f"{path}/members/{viewer.id}"

    # Recorded once; the same again within the minute is counted.
    assert denied(house, house.admin, "PUT", member) == "above_own_rights"
    assert refused(house, house.admin, "PATCH", path, {"name": "x"}) == "above_own_rights"
    assert refused(house, house.admin, "DELETE", path) == "above_own_rights"
    assert house.owner("PUT", member).status_code == 200
    assert refused(house, house.admin, "DELETE", member) == "above_own_rights"


def test_nobody_puts_themselves_into_a_group(house: House) -> None:
    group = house.group()

    path = f"/groups/{group}/members/{house.admin.holder.id}"

    assert denied(house, house.admin, "PUT", path) == "own_grant"


def test_nobody_revokes_what_they_could_not_give(house: House) -> None:
    grant = house.grant(
        house.owner, house.viewer.holder, "namespace:airline", "state.*", restricted=True
    ).json()

    assert denied(house, house.admin, "DELETE", f"/grants/{grant['id']}") == "above_own_rights"


def test_granted_rights_over_people_give_no_roles(house: House) -> None:
    """Managing members by a grant ends where roles begin: who has none gives none."""
    keeper = Api(make_member(house.tenant, "viewer"))
    other = make_member(house.tenant, "viewer")
    house.grant(house.owner, keeper.holder, f"tenant:{house.tenant.slug}", "member.*")

    for roles in (["owner"], ["admin"], ["viewer"]):
        answer = keeper("PATCH", f"/members/{other.id}", {"roles": roles})
        assert answer.status_code == 403, roles
    invitation = {"email": "new@example.org", "roles": ["owner"]}
    assert keeper("POST", "/invitations", invitation).status_code == 403


def test_an_agent_gives_itself_and_others_nothing(house: House) -> None:
    agent = house.agent
    code = denied(house, house.grant, agent, agent.holder, "namespace:desk", "state.write")
    assert code == "forbidden"
    assert denied(house, agent, "POST", "/groups", {"name": "x"}) == "forbidden"


def test_a_scoped_credential_gives_no_more_than_its_scopes(house: House) -> None:
    scoped = Api(house.owner.holder, scopes=["grant.*", "namespace.read"])
    to = house.viewer.holder

    assert house.grant(scoped, to, "namespace:desk", "namespace.read").status_code == 201
    code = denied(house, house.grant, scoped, to, "namespace:desk", "state.read")
    assert code == "above_own_rights"


def test_a_forbid_binds_the_giver_too_but_no_owner_is_shut_out(house: House) -> None:
    """F63: whoever forbids everything leaves an owner the way back."""
    text = "forbid (principal, action, resource);"
    policy = house.owner("POST", "/policies", {"name": "all", "text": text}).json()["id"]
    house.owner("PUT", f"/policies/{policy}/activation", {"version": 1})

    answer = house.grant(house.owner, house.viewer.holder, "namespace:desk", "state.read")

    assert answer.status_code in {403, 404}
    assert house.owner("DELETE", f"/policies/{policy}/activation").status_code == 204
    assert (
        house.grant(house.owner, house.viewer.holder, "namespace:desk", "state.read").status_code
        == 201
    )


def test_the_last_owner_stays_whoever_holds_grants(house: House) -> None:
    assert isinstance(house.owner.holder, Member)
    house.grant(
        house.owner, house.admin.holder, f"tenant:{house.tenant.slug}", "*", restricted=True
    )

    answer = house.admin("DELETE", f"/members/{house.owner.holder.id}")

    assert answer.status_code == 403
    assert house.owner("GET", "/tenant").status_code == 200


def test_nobody_resets_the_factors_of_others(house: House) -> None:
    """There is no such route: each changes their own, in their own session."""
    paths = Client().get("/api/schema", headers=house.owner.headers).json()["paths"]
    assert not [one for one in paths if any(word in one for word in ("mfa", "factor", "password"))]


def test_who_acts_for_a_member_is_bound_by_both(house: House) -> None:
    """F66: an agent acts for its owner, for nobody else, and the stricter of both decides."""
    assert isinstance(house.owner.holder, Member)
    agent = Api(make_agent(house.tenant, "reader", owner=house.viewer.holder))
    house.grant(house.owner, agent.holder, f"tenant:{house.tenant.slug}", "agent.*", "tenant.read")
    mine = {"Stateward-On-Behalf-Of": f"member:{house.viewer.holder.id}"}
    another = {"Stateward-On-Behalf-Of": f"member:{house.owner.holder.id}"}
    path = f"/agents/{house.agent.holder.id}"

    assert agent("GET", path).status_code == 200
    assert agent("GET", path, **mine).status_code == 200  # a viewer sees agents
    assert agent("GET", path, **another).json()["code"] == "not_delegated"
    assert agent("PUT", f"{path}/pause", {}, **mine).status_code == 403  # a viewer pauses none
    assert agent("PUT", f"{path}/pause", {}).status_code == 200


def test_every_part_of_the_control_plane_knows_of_acting_for_somebody(house: House) -> None:
    assert isinstance(house.owner.holder, Member)
    roles = ("admin", "auditor")
    agent = Api(make_agent(house.tenant, *roles, owner=house.owner.holder))
    for_owner = {"Stateward-On-Behalf-Of": f"member:{house.owner.holder.id}"}
    for_another = {"Stateward-On-Behalf-Of": f"member:{house.viewer.holder.id}"}
    paths = (
        *("/agents", "/members", "/policies", "/grants", "/backups", "/alerts", "/audit/records"),
        *(
            "/detection/rules",
            "/retention/rules",
            "/retention/holds",
            "/compliance/findings",
            "/jobs",
        ),
    )

    for path in paths:
        assert (path, agent("GET", path).status_code) == (path, 200)
        assert (path, agent("GET", path, **for_owner).status_code) == (path, 200)
        refused = agent("GET", path, **for_another)
        assert (path, refused.status_code, refused.json()["code"]) == (path, 403, "not_delegated")


def test_an_old_sign_in_gives_nothing(house: House) -> None:
    assert isinstance(house.owner.holder, Member)
    browser = Browser(house.owner.holder, recently=False)
    body = {
        "principal": {"type": "member", "id": str(house.viewer.holder.id)},
        "object": {"type": "namespace", "id": "desk"},
        "actions": ["state.read"],
        "reason": "x",
    }

    assert browser("POST", "/grants", body).status_code in {401, 403}
    assert house.owner("GET", "/grants").json()["items"] == []
    assert Browser(house.owner.holder)("POST", "/grants", body).status_code == 201
