"""Access in the browser: who can do what and why, giving and revoking, groups."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, make_world
from tests.console.test_people_pages import sign_in_freshly
from tests.factories.api import Api, Browser
from tests.factories.state import audit_records
from tests.grants.test_grants_in_writes import fill

pytestmark = pytest.mark.browser


@pytest.fixture
def world(database: None) -> World:
    world = make_world()
    world.namespace("airline.bookings")
    world.namespace("airline.customers", classification="restricted")
    world.agent("booker")
    world.member("viewer", name="Vera Viewer")
    world.member("auditor", name="Otto Auditor")
    return world


def member_of(world: World, name: str) -> Member:
    with tenant_scope(world.tenant.id):
        return Member.objects.select_related("person").get(tenant=world.tenant, person__name=name)


def owner_api(world: World) -> Api:
    return Api(member_of(world, "Ines Okafor"))


def option(member: Member) -> str:
    return f"{member.person} ({member.person.email})"


@pytest.mark.parametrize(
    "console",
    [pytest.param({}, id="scripts"), pytest.param({"java_script_enabled": False}, id="none")],
    indirect=True,
)
def test_access_is_given_after_its_consequence_was_read_and_revoked(
    console: Any, world: World
) -> None:
    sign_in_freshly(console, world.person)
    vera = member_of(world, "Vera Viewer")
    tab = console.open(world.path("access/to/namespace/airline.bookings/"))
    expect(tab.locator(".said")).to_contain_text("1 of 3 members and 1 of 1 agent can write here")
    expect(tab.locator(".said")).to_contain_text("1 as owner, 1 as writer")

    tab.get_by_role("link", name="Give access").click()
    tab.get_by_label("To whom").select_option(label=option(vera))
    tab.get_by_label("Write: change and delete").check()
    tab.get_by_label("Why").fill("Covers for Ada")
    tab.get_by_role("button", name="See what it changes").click()
    expect(tab.locator(".gains")).to_contain_text("state.write")
    expect(tab.locator(".gains")).not_to_contain_text("namespace.read")  # she can already
    assert owner_api(world)("GET", "/grants").json()["items"] == []
    tab.get_by_role("button", name="Give access to 1 member").click()

    expect(tab.locator(".said")).to_contain_text("2 of 3 members")
    row = tab.get_by_role("row", name="Vera Viewer")
    expect(row).to_contain_text("grant on airline.bookings")
    (grant,) = owner_api(world)("GET", "/grants").json()["items"]
    assert grant["principal"]["id"] == str(vera.id)
    assert grant["reason"] == "Covers for Ada"
    assert grant["ends_at"] is not None
    path = "/namespaces/airline.bookings"
    assert Api(vera)("GET", path).status_code == 200

    tab.get_by_role("link", name="Revoke… the grant of Vera Viewer").click()
    expect(tab.locator(".gains")).to_contain_text("state.write")
    tab.get_by_role("button", name="Revoke 1 grant").click()
    expect(tab.locator(".said")).to_contain_text("1 of 3 members")
    assert owner_api(world)("GET", "/grants").json()["items"] == []


def test_more_than_one_holds_is_refused_where_it_was_asked(console: Any, world: World) -> None:
    admin = world.member("admin", name="Adam Admin")
    sign_in_freshly(console, admin)
    denied = sum(outcome != "allow" for _, outcome, _ in audit_records(world.tenant.id))
    tab = console.open(world.path("access/to/namespace/airline/give"))

    tab.get_by_label("To whom").select_option(label=option(member_of(world, "Vera Viewer")))
    tab.get_by_label("Read: values").check()
    tab.get_by_label("Also what is classified restricted").check()
    tab.get_by_label("Why").fill("Curious")
    console.expected.add(422)
    tab.get_by_role("button", name="See what it changes").click()

    expect(tab.get_by_role("alert")).to_contain_text("so it is not yours to give")
    expect(tab.get_by_label("Why")).to_have_value("Curious")
    after = sum(outcome != "allow" for _, outcome, _ in audit_records(world.tenant.id))
    assert after == denied + 1
    assert owner_api(world)("GET", "/grants").json()["items"] == []
    offered = tab.get_by_label("To whom").inner_text()
    assert "Adam Admin" not in offered  # nobody grants to themselves


def test_a_group_is_filled_given_access_and_deleted(console: Any, world: World) -> None:
    sign_in_freshly(console, world.person)
    vera = member_of(world, "Vera Viewer")
    tab = console.open(world.path("access/groups/new"))
    tab.get_by_label("Name").fill("Refund desk")
    tab.get_by_role("button", name="Make 1 group").click()
    tab.get_by_label("Put in").select_option(label=option(vera))
    tab.get_by_role("button", name="Put 1 member in").click()
    expect(tab.locator(".said")).to_contain_text("1 member; nothing is granted to it yet")

    console.open(world.path("access/to/namespace/airline/give"))
    tab.get_by_label("To whom").select_option(label="Refund desk")
    tab.get_by_label("Write: change").check()
    tab.get_by_label("Why").fill("Works on refunds")
    tab.get_by_role("button", name="See what it changes").click()
    expect(tab.locator(".consequence")).to_contain_text("The 1 member of Refund desk")
    tab.get_by_role("button", name="Give access to 1 member").click()

    console.open(world.path(f"access/of/member/{vera.id}/"))
    expect(tab.locator(".said")).to_contain_text("can touch 2 namespaces; 1 grant is theirs")
    row = tab.get_by_role("row", name="airline.bookings")
    expect(row).to_contain_text("group Refund desk on airline")
    expect(tab.get_by_role("row", name="airline.customers")).not_to_contain_text("Refund desk")
    group = owner_api(world)("GET", "/groups").json()["items"][0]["id"]
    console.open(world.path(f"access/groups/{group}/delete"))
    tab.get_by_role("button", name="Delete 1 group and 1 grant").click()

    expect(tab.locator(".said")).to_contain_text("No groups yet")
    assert owner_api(world)("GET", "/grants").json()["items"] == []


def test_a_viewer_and_another_tenants_owner_see_none_of_it(console: Any, world: World) -> None:
    given = owner_api(world)(
        "POST",
        "/grants",
        {
            "principal": {"type": "member", "id": str(member_of(world, "Vera Viewer").id)},
            "object": {"type": "namespace", "id": "airline"},
            "actions": ["state.write"],
            "reason": "x",
        },
    ).json()
    pages = [
        "access/", "access/grants/", "access/groups/", "access/to/namespace/airline.bookings/",
        f"access/grants/{given['id']}/revoke", "access/to/namespace/airline/give",
    ]  # fmt: skip
    stranger = make_world("Another Air")

    sign_in_freshly(console, member_of(world, "Vera Viewer").person)
    for page in pages:
        tab = console.open(world.path(page), status=403)
        assert given["id"] not in tab.content()
    mine = f"access/of/member/{member_of(world, 'Vera Viewer').id}/"
    expect(console.open(world.path(mine)).locator(".said")).to_contain_text("1 grant is theirs")
    sign_in_freshly(console, stranger.person)
    for page in pages:
        console.open(world.path(page), status=404)
    for page in (pages[3], pages[4], mine):
        console.open(stranger.path(page), status=404)


def test_ten_thousand_members_are_a_page_at_a_time(world: World) -> None:
    fill(world.tenant, members=10_000, grants=10_000)
    client = Browser(member_of(world, "Ines Okafor")).client
    path = world.path("access/to/namespace/airline.bookings/")
    client.get(path)

    with CaptureQueriesContext(connection) as asked:
        page = client.get(path).content.decode()
    following = page.partition("cursor=")[2].partition('"')[0].replace("&amp;", "&")
    second = client.get(f"{path}?cursor={following}").content.decode()

    assert "of the first 200 members" in page
    assert page.count('<th scope="row">') == 50
    assert second.count('<th scope="row">') == 50
    statements = [
        one for one in asked.captured_queries if one["sql"].startswith(("SELECT", "WITH"))
    ]
    assert len(statements) <= 22, [one["sql"][:80] for one in statements]


def test_a_page_says_nothing_of_what_is_not_there(world: World) -> None:
    client: Client = Browser(member_of(world, "Ines Okafor")).client

    for page in ("to/namespace/nothing", "to/entry/x", f"to/agent/{world.tenant.id}"):
        assert client.get(world.path(f"access/{page}/")).status_code in {404, 422}, page
    assert client.get(world.path("access/of/group/x/")).status_code == 404
    assert client.get(world.path("access/?cursor=x")).status_code == 400


def test_refusals_are_said_on_the_page_and_nothing_is_done(world: World) -> None:
    """What an admin may not change of a group and a grant above them; and the plain faults."""
    vera = member_of(world, "Vera Viewer")
    owner, admin = owner_api(world), Browser(member_of_person(world, "admin")).client
    group = owner("POST", "/groups", {"name": "desk"}).json()["id"]
    grant = owner(
        "POST",
        "/grants",
        {
            "principal": {"type": "group", "id": group},
            "object": {"type": "namespace", "id": "airline"},
            "actions": ["state.*"],
            "restricted": True,
            "reason": "x",
        },
    ).json()["id"]
    ours = world.path(f"access/groups/{group}/")
    admin.cookies["stateward_csrf"] = "a" * 32

    def post(path: str, **fields: str) -> Any:
        return admin.post(path, fields, headers={"X-CSRFToken": "a" * 32})

    assert post(f"{ours}add", member=str(vera.id)).status_code == 302
    assert post(f"{ours}add", member="x").status_code == 302
    assert post(f"{ours}delete").status_code == 403
    assert post(world.path(f"access/grants/{grant}/revoke")).status_code == 403
    assert post(world.path("access/groups/new"), name="desk").status_code == 422
    assert owner("GET", f"/groups/{group}/members").json()["items"] == []
    assert owner("GET", f"/grants/{grant}").status_code == 200
    assert admin.get(f"{ours}?find=vera").status_code == 200
    given = world.path("access/to/namespace/airline/give")
    assert admin.get(f"{given}?find=vera&who=member:{vera.id}").status_code == 200
    assert post(given, who=f"member:{vera.id}", level="choose").status_code == 422
    for of in ("namespace", "agent", "policy", "tenant"):
        page = admin.get(world.path(f"access/of/member/{vera.id}/?on={of}"))
        assert page.status_code == 200, of


def member_of_person(world: World, role: str) -> Member:
    person = world.member(role, name="Adam Admin")
    return member_of(world, person.name)
