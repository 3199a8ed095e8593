"""Leases and proposals in the browser: who has what, an end with its reason, a member's vote."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import search_records
from stateward.kernel.ids import uuid7
from stateward.state.services.leases import Granted, acquire_lease
from stateward.state.services.proposals import (
    Wish,
    find_proposal,
    list_proposals,
    propose,
    vote_on,
)
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, make_world, paste

pytestmark = pytest.mark.browser

SEATS = "airline.seats"
SHOTS = os.environ.get("SCREENSHOTS")  # a folder: pictures for whoever looks at the pages


@pytest.fixture
def world() -> World:
    world = make_world()
    booker, checker = world.agent("booker"), world.agent("checker")
    world.namespace(SEATS)
    world.put(SEATS, "12A", {"seat": "12A", "bags": 1}, by=booker)
    with tenant_scope(world.tenant.id):
        for key in ("12A", "14C"):
            granted = run_flow(acquire_lease(booker, CALL(), SEATS, key, 3600))
            assert isinstance(granted, Granted)
        run_flow(acquire_lease(checker, CALL(), SEATS, "12A", 60, ticket=uuid7(), waits=True))
        world.put(SEATS, "rules", {"open": True, "fee": 10, "text": "<b>old</b>"}, by=booker)
        made = run_flow(propose_fee(world, 12))
        run_flow(vote_on(checker, CALL(), SEATS, made.proposal.id, "accept"))
        gone = run_flow(propose_fee(world, 99))
        run_flow(vote_on(checker, CALL(), SEATS, gone.proposal.id, "reject"))
        run_flow(vote_on(booker, CALL(), SEATS, gone.proposal.id, "reject"))
    return world


def propose_fee(world: World, fee: int) -> Any:
    booker, checker = world.agents["booker"], world.agents["checker"]
    voters = (str(booker.id), str(checker.id), str(world.owner.id))
    value = {"open": True, "fee": fee, "text": "<script>window.harmed=1</script>"}
    wish = Wish("rules", value, 2, voters, note="Agreed with the desk")
    return propose(booker, CALL(), SEATS, wish)


def look(console: Any, name: str) -> None:
    """No fault of access in either theme, nothing wider than a narrow window."""
    for theme in ("light", "dark"):
        console.tab.emulate_media(color_scheme=theme)
        assert console.axe() == []
        if SHOTS:
            console.tab.screenshot(path=Path(SHOTS) / f"{name}-{theme}.png", full_page=True)
    console.tab.set_viewport_size({"width": 390, "height": 800})
    assert console.overflow() == 0
    if SHOTS:
        console.tab.screenshot(path=Path(SHOTS) / f"{name}-narrow.png", full_page=True)
    console.tab.set_viewport_size({"width": 1280, "height": 800})
    console.tab.emulate_media(color_scheme="light")


def test_a_lease_is_seen_and_ended_with_a_reason(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{SEATS}/"))
    tab.get_by_role("link", name="Leases").click()
    expect(tab.get_by_text("2 keys are somebody's alone")).to_be_visible()
    row = tab.get_by_role("row", name="12A")
    expect(row).to_contain_text("booker")
    expect(row.get_by_role("cell").nth(3)).to_have_text("1")
    look(console, "leases")

    tab = console.open(world.path(f"namespaces/{SEATS}/entries/12A/edit"))
    paste(tab, '{"bags": 2}')
    console.expected.add(422)
    tab.get_by_role("button", name="Write version 2").click()
    expect(tab.get_by_text("Somebody else has the lease on this key.")).to_be_visible()

    tab = console.open(world.path(f"namespaces/{SEATS}/leases"))
    row.get_by_role("link", name="End").click()
    expect(tab.get_by_text("is refused, for ever")).to_be_visible()
    look(console, "lease-end")
    tab.get_by_label("Reason, kept in the audit").fill("It hangs")
    tab.get_by_role("button", name="End 1 lease").click()

    expect(tab.get_by_role("status").get_by_text("is ended")).to_be_visible()
    expect(tab.get_by_role("row", name="12A")).to_have_count(0)
    with tenant_scope(world.tenant.id):
        wanted = RecordFilter(world.tenant.id, action="state.break_lease")
        assert len(run_flow(search_records(wanted))[0]) == 1


def test_a_member_sees_what_would_change_and_decides(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{SEATS}/"))
    tab.get_by_role("link", name="Proposals").click()
    expect(tab.get_by_text("your vote counts")).to_be_visible()
    look(console, "proposals")
    tab.get_by_role("navigation", name="Show").get_by_role("link", name="Rejected").click()
    expect(tab.get_by_text("0 of 2 accept, 2 reject")).to_be_visible()
    tab.get_by_role("navigation", name="Show").get_by_role("link", name="Open").click()
    tab.get_by_role("link", name="rules").click()

    expect(tab.get_by_role("row", name="/fee")).to_contain_text("10 12")
    expect(tab.get_by_text("<script>window.harmed=1</script>")).to_be_visible()
    look(console, "proposal")
    tab.get_by_role("button", name="Accept").click()

    expect(tab.get_by_text("The quorum is there: version 2 is written.")).to_be_visible()
    look(console, "proposal-committed")
    tab.get_by_role("link", name="version 2", exact=True).click()
    expect(tab.get_by_label("Value as a tree")).to_contain_text('"fee": 12')
    assert tab.evaluate("window.harmed") is None


def test_a_member_proposes_and_takes_back(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{SEATS}/proposals"))
    tab.get_by_role("link", name="Propose a value").click()
    tab = console.open(world.path(f"namespaces/{SEATS}/proposals/new?key=rules"))
    paste(tab, '{"open": false, "fee": 10, "text": "<b>old</b>"}')
    tab.get_by_label("Who decides").fill("nobody-of-that-name")
    console.expected.add(422)
    tab.get_by_role("button", name="Propose it").click()
    expect(tab.locator("#id_voters-fault")).to_contain_text("nobody-of-that-name")
    look(console, "proposal-form")

    tab.get_by_label("Who decides").fill("booker\nchecker\n")
    tab.get_by_label("How many must accept").fill("2")
    tab.get_by_role("button", name="Propose it").click()

    expect(tab.get_by_text("Proposed. 2 must accept.")).to_be_visible()
    expect(tab.get_by_role("row", name="/open")).to_contain_text("true false")
    with tenant_scope(world.tenant.id):
        listed = run_flow(list_proposals(world.owner, CALL(), SEATS, state="open"))
    mine = next(one for one in listed.items if one.proposer.id == world.owner.id)
    assert (mine.quorum, mine.if_version, len(mine.voters)) == (2, 1, 2)
    tab.get_by_role("button", name="Take it back").click()
    expect(tab.get_by_text("Nothing was written.")).to_be_visible()
    with tenant_scope(world.tenant.id):
        over = run_flow(find_proposal(world.owner, CALL(), SEATS, mine.id))
    assert over.state == "withdrawn"
