"""Agents, their keys and members, managed in the browser."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import expect

from governance.people.models import Invitation
from stateward.kernel.errors import StatewardError
from stateward.tenancy.authenticate import authenticate
from stateward.tenancy.models import Agent, Credential, Member
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import World, make_world

pytestmark = pytest.mark.browser

NAUGHTY = "<img src=x onerror=window.harmed=1>{{ 7*7 }}"


@pytest.fixture
def world() -> World:
    world = make_world()
    world.agent("booker", framework="tool calling", team="desk")
    return world


def sign_in_freshly(console: Any, person: Any) -> None:
    """With a password given just now, as changes of people ask for."""
    console.sign_in(person)
    cookies = {cookie["name"]: cookie["value"] for cookie in console.context.cookies()}
    session = SessionStore(cookies[settings.SESSION_COOKIE_NAME])
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session["account_authentication_methods_user"] = str(person.id)
    session.save()


def agent_of(world: World, name: str) -> Agent:
    with tenant_scope(world.tenant.id):
        return Agent.objects.get(tenant=world.tenant, name=name)


def keys_of(world: World, name: str) -> list[Credential]:
    with tenant_scope(world.tenant.id):
        found = Credential.objects.filter(tenant=world.tenant, agent__name=name)
        return list(found.order_by("id"))


def is_let_in(api_key: str) -> bool:
    try:
        run_flow(authenticate(api_key))
    except StatewardError:
        return False
    return True


@pytest.mark.parametrize(
    "console", [pytest.param({"java_script_enabled": False}, id="no JavaScript")], indirect=True
)
def test_an_agent_is_made_and_its_key_shown_once(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path("agents/new"))
    tab.get_by_label("Name", exact=True).fill("booker")
    tab.get_by_label("reader: reads").check()
    tab.get_by_label("writer: reads").uncheck()
    console.expected.add(422)
    tab.get_by_role("button", name="Create agent").click()
    expect(tab.get_by_role("alert")).to_contain_text("An agent of this name exists already")
    tab.get_by_label("Name", exact=True).fill("fare-watch")
    tab.get_by_label("Team").fill("pricing")
    tab.get_by_role("button", name="Create agent").click()

    tab.get_by_label("Label").fill("prod host")
    tab.get_by_label("Only for").select_option(["state.read"])
    tab.get_by_role("button", name="Make key").click()
    secret = tab.locator("[data-secret]").inner_text()

    assert secret.startswith("sw_")
    assert is_let_in(secret)
    made = agent_of(world, "fare-watch")
    assert (made.roles, made.team) == (["reader"], "pricing")
    key = keys_of(world, "fare-watch")[0]
    assert (key.label, key.scopes) == ("prod host", ["state.read"])
    tab.get_by_role("link", name="I have it").click()
    expect(tab.get_by_role("rowheader", name="prod host")).to_be_visible()
    assert secret not in tab.content()


def test_a_key_is_rotated_with_an_overlap_and_revoked(console: Any, world: World) -> None:
    old = world.key_of(world.agents["booker"], label="first").api_key
    console.sign_in(world.person)
    tab = console.open(world.path(f"agents/{world.agents['booker'].id}/"))
    tab.get_by_role("link", name="Rotate first").click()
    tab.get_by_label("The old key stops").select_option("in 1 hour")
    tab.get_by_role("button", name="Make the new key").click()
    new = tab.locator("[data-secret]").inner_text()
    assert is_let_in(old)
    assert is_let_in(new)
    tab.get_by_role("link", name="I have it").click()
    expect(tab.get_by_text("Being replaced")).to_be_visible()

    tab.get_by_role("row", name="Being replaced").get_by_role("link", name="Revoke").click()
    expect(tab.get_by_role("dialog")).to_contain_text("booker keeps 1 other key")
    tab.get_by_role("dialog").get_by_role("button", name="Revoke 1 key").click()

    expect(tab.get_by_role("row", name="Revoked")).to_be_visible()
    assert not is_let_in(old)
    assert is_let_in(new)


def test_a_person_makes_and_ends_a_token_of_their_own(console: Any, world: World) -> None:
    sign_in_freshly(console, world.person)
    tab = console.open(world.path("members/"))
    tab.locator("details.account summary").click()
    tab.get_by_role("link", name="Your tokens").click()
    expect(tab.get_by_text("No token works under your name")).to_be_visible()
    assert console.axe() == []
    tab.get_by_role("link", name="New token").click()
    tab.get_by_label("Label").fill("laptop")
    tab.get_by_role("button", name="Make key").click()
    secret = tab.locator("[data-secret]").inner_text()
    assert is_let_in(secret)
    tab.get_by_role("link", name="I have it").click()
    if folder := os.environ.get("STATEWARD_PICTURES"):
        tab.screenshot(path=f"{folder}/tokens.png", full_page=True)

    with tenant_scope(world.tenant.id):
        made = Credential.objects.get(tenant=world.tenant, member__person=world.person)
    console.expected.add(404)
    console.sign_in(world.member("admin", name="Ada Admin"))
    console.open(world.path(f"agents/keys/{made.id}/revoke"), 404)
    console.open(world.path("tokens/"))
    expect(tab.get_by_text("No tokens", exact=True)).to_be_visible()
    console.sign_in(world.person)
    console.open(world.path("tokens/"))
    tab.get_by_role("row", name="laptop").get_by_role("link", name="Revoke").click()
    tab.get_by_role("dialog").get_by_role("button", name="Revoke 1 key").click()

    expect(tab.get_by_role("row", name="Revoked")).to_be_visible()
    assert not is_let_in(secret)


def test_an_agent_is_paused_resumed_and_retired(console: Any, world: World) -> None:
    key = world.key_of(world.agents["booker"], label="first").api_key
    console.sign_in(world.person)
    tab = console.open(world.path(f"agents/{world.agents['booker'].id}/"))
    tab.get_by_role("link", name="Pause…").click()
    tab.get_by_role("dialog").get_by_label("Reason").fill("strange writes at night")
    tab.get_by_role("dialog").get_by_role("button", name="Pause 1 agent").click()
    expect(tab.get_by_text("Paused: every call is refused")).to_be_visible()
    assert not is_let_in(key)

    tab.get_by_role("button", name="Resume agent").click()
    expect(tab.get_by_text("booker is let in again.")).to_be_visible()
    assert is_let_in(key)

    tab.get_by_role("link", name="Retire…").click()
    retire = tab.get_by_role("dialog").get_by_role("button", name="Retire 1 agent")
    expect(retire).to_have_attribute("aria-disabled", "true")
    tab.get_by_label("Type the agent's name to confirm").fill("booker")
    retire.click()
    expect(tab.get_by_text("Retired: it does not come back")).to_be_visible()
    assert agent_of(world, "booker").status == Agent.Status.RETIRED
    assert not is_let_in(key)


def test_what_is_told_of_an_agent_is_changed(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"agents/{world.agents['booker'].id}/edit"))
    tab.get_by_label("Risk class").select_option("High")
    tab.get_by_label("Owner").select_option("Ines Okafor")
    tab.get_by_label("builder: makes").check()
    tab.get_by_role("button", name="Save agent").click()

    expect(tab.get_by_text("It holds from its next call on.")).to_be_visible()
    changed = agent_of(world, "booker")
    assert (changed.risk_class, changed.roles) == ("high", ["builder", "writer"])
    assert (changed.team, changed.owner_id) == ("desk", world.owner.id)


def test_a_member_is_invited_given_roles_and_removed(console: Any, world: World) -> None:
    vera = world.member("viewer")
    sign_in_freshly(console, world.person)
    tab = console.open(world.path("members/"))
    tab.get_by_role("link", name="Invite").click()
    tab.get_by_label("E-mail").fill("priya@example.org")
    tab.get_by_label("auditor: reads").check()
    tab.get_by_role("button", name="Invite 1 person").click()
    assert "/join" in tab.locator("[data-secret]").inner_text()
    tab.get_by_role("link", name="Back to members").click()
    expect(tab.get_by_text("priya@example.org", exact=True)).to_be_visible()
    tab.get_by_role("button", name="Withdraw").click()
    expect(tab.get_by_text("Its link opens nothing.")).to_be_visible()
    with tenant_scope(world.tenant.id):
        assert Invitation.objects.get(tenant=world.tenant).withdrawn_at is not None

    tab.get_by_role("link", name="Change Vera Viewer").click()
    tab.get_by_label("editor: reads").check()
    tab.get_by_role("button", name="Save roles").click()
    expect(tab.get_by_role("row", name="Vera Viewer")).to_contain_text("editor, viewer")

    tab.get_by_role("link", name="Change Vera Viewer").click()
    tab.get_by_role("link", name="Remove…").click()
    tab.get_by_role("dialog").get_by_role("button", name="Remove 1 member").click()
    expect(tab.get_by_text("Vera Viewer is no member any more")).to_be_visible()
    with tenant_scope(world.tenant.id):
        assert not Member.objects.filter(tenant=world.tenant, person=vera).exists()


def test_an_old_sign_in_is_confirmed_before_people_are_changed(console: Any, world: World) -> None:
    console.sign_in(world.person)

    tab = console.open(world.path("members/invite"))

    expect(tab.get_by_role("heading", level=1)).to_have_text("Confirm it is you")


def test_an_admin_makes_nobody_an_owner(console: Any, world: World) -> None:
    vera = world.member("viewer")
    tomas = world.member("admin", name="Tomas Lindqvist")
    with tenant_scope(world.tenant.id):
        member = Member.objects.get(tenant=world.tenant, person=vera)
    sign_in_freshly(console, tomas)
    tab = console.open(world.path(f"members/{member.id}/"))
    tab.get_by_label("owner: everything").check()
    console.expected |= {403, 422}

    tab.get_by_role("button", name="Save roles").click()

    expect(tab.get_by_text("owner").first).to_be_visible()
    with tenant_scope(world.tenant.id):
        assert Member.objects.get(id=member.id).roles == ["viewer"]


def test_another_tenants_owner_finds_no_one_of_it(console: Any, world: World) -> None:
    stranger = make_world("Quiet Harbour")
    sign_in_freshly(console, stranger.person)
    console.open(stranger.path(f"members/{world.owner.id}/"), status=404)
    console.open(stranger.path(f"agents/{world.agents['booker'].id}/"), status=404)
    console.open(world.path("agents/"), status=404)

    tab = console.open(stranger.path("agents/"))

    expect(tab.get_by_role("heading", name="No agents yet")).to_be_visible()
    console.open(stranger.path(f"agents/{world.agents['booker'].id}/keys/new"), status=404)


def test_an_agents_name_is_text_and_nothing_else(console: Any, world: World) -> None:
    agent = world.agent(NAUGHTY, team=NAUGHTY, purpose=NAUGHTY)
    world.key_of(agent, label=NAUGHTY)
    console.sign_in(world.person)
    for path in ("agents/", f"agents/{agent.id}/", f"agents/{agent.id}/retire", "policies/"):
        tab = console.open(world.path(path))
        assert NAUGHTY in tab.locator("main").text_content()
        assert tab.evaluate("window.harmed") is None
