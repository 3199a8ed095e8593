"""What holds for each page of a tenant that has something in it, in both themes and narrow."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.grants.services.grants import Wanted, give
from governance.grants.services.groups import create_group
from governance.retention.services.holds import ask_to_release, place_hold
from governance.retention.services.rules import create_rule
from governance.retention.terms import Scope, Terms
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import search_records
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import seal
from tests.console.console_world import CALL, World, actor_of, booking, make_world

pytestmark = pytest.mark.browser

MOST_BYTES = 150 * 1024
MOST_BYTES_WITH_EDITOR = 350 * 1024
MOST_REQUESTS = 22
MOST_ELEMENTS = 1500
MOST_QUERIES = 15
OF_TRANSACTIONS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
# What a proof reads, and what a question put to the gate reads, comes on top of the page.
WITH_A_PROOF = {"audit/?record={record}", "audit/records/{record}/"}
WITH_A_QUESTION = {"policies/{policy}/?who=agent:{agent}&on=airline.bookings/EHGLP3&with=draft"}
TEXT = (
    '@id("no-night-writes") forbid (principal is Agent, action == Action::"state.purge", resource);'
)
PAGES = [
    "namespaces/",
    "namespaces/new",
    "namespaces/airline.bookings/",
    "namespaces/airline.bookings/settings",
    "namespaces/airline.bookings/schemas/",
    "namespaces/airline.bookings/delete",
    "namespaces/airline.bookings/new-entry",
    "namespaces/airline.bookings/entries/EHGLP3",
    "namespaces/airline.bookings/entries/EHGLP3?version=1&show=raw&diff=text&compare=2",
    "namespaces/airline.bookings/entries/EHGLP3/edit",
    "namespaces/airline.bookings/entries/EHGLP3/delete",
    "namespaces/airline.bookings/entries/EHGLP3/roll-back?version=1",
    "namespaces/airline.payments/entries/PM-5520",
    "namespaces/airline.tasks/",
    "namespaces/airline.tasks/entries/today",
    "namespaces/airline.tasks/entries/today/act",
    "policies/",
    "policies/new",
    "policies/roles/writer",
    "policies/{policy}/",
    "policies/{policy}/deactivate",
    "approvals/",
    "approvals/numbers/",
    "approvals/{approval}/",
    "retention/",
    "retention/new",
    "retention/{rule}/",
    "retention/{rule}/end",
    "holds/",
    "holds/new",
    "holds/{hold}/",
    "holds/{hold}/release",
    "agents/",
    "agents/new",
    "agents/{agent}/",
    "agents/{agent}/keys/new",
    "agents/{agent}/retire",
    "members/",
    "access/",
    "access/to/namespace/airline.bookings/?show=agent",
    "access/to/namespace/airline/",
    "access/to/policy/{policy}/",
    "access/of/agent/{agent}/",
    "access/grants/",
    "access/groups/",
    "access/groups/{group}/",
    "audit/",
    "audit/?key=nothing-has-this",
    "seals/",
    "alerts/",
    "alerts/rules/",
    "alerts/rules/many_refusals/",
    "jobs/",
    "backups/",
    "metrics/operations/",
    "metrics/storage/",
    "capacity/",
    "capacity/quota",
    *sorted(WITH_A_PROOF),
    *sorted(WITH_A_QUESTION),
]
AT_ONCE = 6  # pages that one test looks at
PARTS = [PAGES[at : at + AT_ONCE] for at in range(0, len(PAGES), AT_ONCE)]


@pytest.fixture
def furnished(database: None) -> tuple[World, dict[str, Any]]:
    """A tenant with something on every page, and the ids that addresses need; made once."""
    return _furnish()


@cache
def _furnish() -> tuple[World, dict[str, Any]]:
    world = make_world()
    booker = world.agent("booker", team="desk", risk_class="high")
    world.key_of(booker, label="first")
    world.namespace("airline.bookings", labels={"region": "eu"}, schema={"type": "object"})
    world.namespace("airline.payments", classification="restricted")
    world.namespace("airline.flights.schedule", classification="public")
    for number in range(55):
        world.put("airline.bookings", f"T{number}", booking(bags=number), by=booker)
    world.put("airline.bookings", "EHGLP3", booking(), by=booker)
    world.put("airline.bookings", "EHGLP3", booking(bags=3), by=booker, note="Bags")
    world.put("airline.payments", "PM-5520", {"card": "4111"})
    world.namespace("airline.tasks", concurrency="reducer", reducer={"name": "append"})
    world.put("airline.tasks", "today", [{"call": "Ada"}], in_any_mode=True)
    policy = world.policy("night-shift", TEXT)
    terms = Terms("delete", Scope("airline.payments"), "created", 365)
    rule = create_rule(world.owner, CALL(), name="payments-year", terms=terms).rule
    hold = place_hold(
        world.owner, CALL(), matter="DOT-114", reason="Asked for.", namespace="airline.payments"
    )
    with tenant_scope(world.tenant.id):
        desk = create_group(actor=world.owner, call=CALL(), name="Refund desk")
        for principal in (("group", str(desk.id)), ("agent", str(booker.id))):
            wanted = Wanted(
                principal, ("namespace", "airline"), frozenset({"state.*"}), "On call", True
            )
            give(actor=world.owner, call=CALL(), wanted=wanted)
    second = actor_of(world.tenant, world.member("owner", name="Bo Second"))
    asked = ask_to_release(second, CALL(), hold.id, reason="Settled.")
    seal(Path(settings.HOME) / "seals")
    with tenant_scope(world.tenant.id):
        wanted = RecordFilter(world.tenant.id, action="state.write")
        record = run_flow(search_records(wanted, limit=1))[0][0]
    ids = {"policy": policy.id, "agent": booker.id, "record": record.id}
    return world, ids | {"rule": rule.id, "hold": hold.id, "group": desk.id, "approval": asked.id}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part[0])
def test_pages_are_accessible_light_and_never_wider_than_their_window(
    console: Any, furnished: tuple[World, dict[str, Any]], part: list[str]
) -> None:
    world, ids = furnished
    console.sign_in(world.person)

    faults = {path: found for path in part if (found := judge(console, world, path.format(**ids)))}

    assert faults == {}


def judge(console: Any, world: World, path: str) -> list[str]:
    """What is wrong with the page at ``path``."""
    tab = console.open(world.path(path))
    has_editor = tab.locator("textarea[data-editor]").count() > 0
    most = MOST_BYTES_WITH_EDITOR if has_editor else MOST_BYTES
    limits = {
        "bytes": (console.weight(), most),
        "requests": (len(console.answers), MOST_REQUESTS),
        "elements": (tab.locator("*").count(), MOST_ELEMENTS),
    }
    return [
        *console.faults(),
        *(f"{amount} {name}" for name, (amount, limit) in limits.items() if amount > limit),
    ]


def is_of_transactions(sql: str) -> bool:
    """Whether the statement only opens, closes or scopes a transaction."""
    return sql.startswith(OF_TRANSACTIONS) or "set_config('stateward." in sql


@pytest.mark.parametrize("path", PAGES)
def test_pages_ask_the_database_little(furnished: tuple[World, dict[str, Any]], path: str) -> None:
    world, ids = furnished
    client = Client()
    client.force_login(world.person, settings.AUTHENTICATION_BACKENDS[0])
    address = world.path(path.format(**ids))
    client.get(address)

    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)

    assert answer.status_code == 200
    queries = [one["sql"] for one in asked if not is_of_transactions(one["sql"])]
    more = 12 if path in WITH_A_PROOF else 6 if path in WITH_A_QUESTION else 0
    assert len(queries) <= MOST_QUERIES + more, "\n".join(queries)
    big = [one for one in queries if "COUNT(" in one.upper() and "FROM sample" not in one]
    assert not big, "a page counts nothing but a bounded sample"
