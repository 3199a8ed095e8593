"""The console's pages where nothing, little or very much is there; without a browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from dashboards.compliance.words import evidence_url, item_url
from dashboards.requests import ConsoleRequest
from governance.compliance.models import Finding
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.compliance.furnishing import furnished
from tests.console.console_world import World, make_world

pytestmark = pytest.mark.usefixtures("database")

SOME = UUID(int=7)


def get(world: World, path: str) -> Any:
    client = Client()
    client.force_login(world.person, settings.AUTHENTICATION_BACKENDS[0])
    return client.get(world.path(f"compliance/{path}"))


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def add_findings(world: World, many: int) -> None:
    with tenant_scope(world.tenant.id):
        Finding.objects.bulk_create(
            Finding(
                tenant=world.tenant,
                check_id="C25",
                item_kind="agent",
                item_id=str(number),
                item_label=f"agent-{number:03}",
                severity="critical" if number % 2 else "low",
                first_seen_at=now(),
                last_seen_at=now(),
                first_scan_id=uuid7(),
                last_scan_id=uuid7(),
            )
            for number in range(many)
        )


def test_many_findings_come_in_pages_the_gravest_first_and_none_twice() -> None:
    world = make_world()
    add_findings(world, 120)

    labels: list[str] = []
    cursor = ""
    for _ in range(4):
        answer = get(world, f"?cursor={cursor}")
        labels += [row.finding.item_label for row in answer.context["rows"]]
        cursor = answer.context["next_cursor"]
        if not cursor:
            break

    assert len(labels) == len(set(labels)) == 120
    assert all(int(label[-1]) % 2 for label in labels[:60])
    assert "120 findings stand open, 60 of them critical" not in text(get(world, ""))  # no scan
    assert get(world, "?cursor=x").status_code == 400


def test_what_was_never_scanned_says_so() -> None:
    world = make_world()

    assert "Nothing was scanned yet" in text(get(world, ""))
    assert "none was asked yet" in text(get(world, "checks/"))
    assert "Never asked" in text(get(world, "checks/C01/"))
    assert "nothing is proven of any control" in text(get(world, "frameworks/"))


def test_where_nothing_stands_open_that_is_said() -> None:
    world = make_world()
    run_here("compliance.scan", tenant_id=world.tenant.id)
    with tenant_scope(world.tenant.id):
        Finding.objects.update(status="resolved", resolved_at=now())

    page = text(get(world, ""))

    assert "Nothing stands open; the scan" in page
    assert "No finding fits" in text(get(world, "?status=open"))
    assert "No finding fits" in text(get(world, f"?owner={SOME}"))


@pytest.mark.parametrize("path", ["checks/C99/", "frameworks/none/", f"findings/{SOME}/"])
def test_what_there_is_not_is_not_found(path: str) -> None:
    assert get(furnished()[0], path).status_code == 404


def test_a_finding_whose_check_is_gone_can_still_be_read() -> None:
    world = make_world()
    add_findings(world, 1)
    with tenant_scope(world.tenant.id):
        Finding.objects.update(check_id="C99")
        found = Finding.objects.get()

    assert "C99" in text(get(world, f"findings/{found.id}/"))
    assert "C99" in text(get(world, ""))


def test_an_accepted_finding_is_assigned_and_stays_accepted() -> None:
    world, ids = furnished()
    client = Client()
    client.force_login(world.person, settings.AUTHENTICATION_BACKENDS[0])
    address = world.path(f"compliance/findings/{ids['accepted']}/work")
    assert 'name="status"' not in client.get(address).content.decode()

    answer = client.post(address, {"owner": str(world.owner.id), "due_on": ""})

    assert answer.status_code == 302
    with tenant_scope(world.tenant.id):
        found = Finding.objects.get(id=ids["accepted"])
    assert (found.status, found.owner_id) == ("accepted", world.owner.id)


def test_an_exception_that_is_over_is_not_withdrawn_again() -> None:
    world, ids = furnished()
    client = Client()
    client.force_login(world.person, settings.AUTHENTICATION_BACKENDS[0])
    address = world.path(f"compliance/exceptions/{ids['exception']}/withdraw")
    assert client.get(address).status_code == 200
    other = make_world()
    client.force_login(other.person, settings.AUTHENTICATION_BACKENDS[0])

    assert client.get(other.path(f"compliance/exceptions/{SOME}/withdraw")).status_code == 404


@pytest.mark.parametrize(
    ("kind", "item_id", "ends"),
    [
        ("member", f"{SOME}", f"/members/{SOME}/"),
        ("agent", f"{SOME}/{UUID(int=8)}", f"/agents/{SOME}/"),
        ("policy", f"{SOME}", f"/policies/{SOME}/"),
        ("namespace", "airline.bookings", "/namespaces/airline.bookings/"),
        ("namespace", "airline.bookings/0a0b", "/namespaces/airline.bookings/"),
        ("audit_index", "7", "/seals/"),
        ("tenant", "acme", "/members/"),
        ("member", "no-id", ""),
        ("setting", "csp", ""),
        ("data_key", f"{SOME}/1", ""),
    ],
)
def test_an_item_leads_to_the_page_of_what_it_is_about(kind: str, item_id: str, ends: str) -> None:
    url = item_url(request(), kind, item_id)

    assert url.endswith(ends)
    assert bool(url) == bool(ends)


@pytest.mark.parametrize(
    ("kind", "ends"),
    [("seal", "/seals/"), ("record", f"/audit/records/{SOME}/"), ("backup", f"{SOME}/"),
     ("drill", f"/backups/drills/{SOME}"), ("wind", "")],
)  # fmt: skip
def test_evidence_leads_to_where_it_can_be_looked_at(kind: str, ends: str) -> None:
    url = evidence_url(request(), {"kind": kind, "id": str(SOME)})

    assert url.endswith(ends)
    assert bool(url) == bool(ends)


def request() -> ConsoleRequest:
    return cast(ConsoleRequest, SimpleNamespace(tenant=SimpleNamespace(tenant_slug="acme")))
