"""Looking through what is stored: what is found, what is suggested, what is raised."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connection

from governance.classification import scanning
from governance.classification.models import ClassificationFinding, ClassificationScan
from stateward.kernel.governed import SUBJECT_STORES
from stateward.operations.jobs.carrying import carry_out
from stateward.operations.jobs.registry import jobs
from stateward.state.models import Namespace
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.state import World, audit_records, make_world
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")

CUSTOMER = {
    "name": {"first_name": "Mia", "last_name": "Li"},
    "email": "mia.li@example.org",
    "dob": "1990-04-05",
    "membership": "gold",
    "notes": ["prefers aisle", "card 4111 1111 1111 1111"],
}


@pytest.fixture
def world() -> World:
    return make_world("builder")


@pytest.fixture
def owner(world: World) -> Api:
    return Api(make_member(world.tenant, "owner"))


def scan(world: World, api: Api, **asked: Any) -> dict[str, Any]:
    answer = api("POST", "/classification/scans", asked)
    assert answer.status_code == 202, answer.content
    finish(world, answer.json())
    return api("GET", answer["Location"].removeprefix("/api/v1")).json()  # type: ignore[no-any-return]


def finish(world: World, started: dict[str, Any]) -> None:
    for _ in range(20):  # one that had its turn is set aside, and goes on
        carry_out(started["job_run"], jobs().__getitem__)
        with tenant_scope(world.tenant.id):
            if not ClassificationScan.objects.get(id=started["id"]).is_open:
                return


def class_of(world: World) -> str:
    with tenant_scope(world.tenant.id):
        return Namespace.objects.get(id=world.namespace.id).classification


def suggestions(owner: Api, **query: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return owner("GET", f"/classification/suggestions?{asked}").json()["items"]  # type: ignore[no-any-return]


def test_a_scan_finds_kinds_and_places_and_no_value(world: World, owner: Api) -> None:
    world.put("mia", CUSTOMER)
    world.put("flight", {"number": "HAT069", "date": "2024-05-20", "price": 121})

    done = scan(world, owner)

    assert done["state"] == "done"
    assert (done["counts"]["entries"], done["counts"]["looked"]) == (2, 2)
    found = owner("GET", f"/namespaces/{world.namespace.name}/findings").json()["items"]
    assert {(one["key"], one["kind"], one["pointer"]) for one in found} == {
        ("mia", "person_name", "/name/first_name"),
        ("mia", "person_name", "/name/last_name"),
        ("mia", "email", "/email"),
        ("mia", "birth_date", "/dob"),
        ("mia", "card", "/notes/*"),
    }
    with tenant_scope(world.tenant.id):
        kept = str(list(ClassificationFinding.objects.values()))
    assert all(one not in kept for one in ("Mia", "4111", "example.org", "1990-04-05"))


def test_findings_become_one_suggestion_that_a_person_accepts(world: World, owner: Api) -> None:
    world.put("mia", CUSTOMER)
    scan(world, owner)
    scan(world, owner)

    (one,) = suggestions(owner, state="open")
    assert (one["was"], one["to"], one["score"]) == ("internal", "restricted", 90)
    assert one["kinds"][0]["kind"] in {"email", "birth_date"}
    body = {"ids": [one["id"]], "verdict": "accept"}
    (decided,) = owner("POST", "/classification/decisions", body).json()["items"]

    assert decided["state"] == "accepted"
    assert class_of(world) == "restricted"
    events = [event for _, event, _ in audit_events(world.tenant.id)]
    assert "classification.accepted" in events
    again = owner("POST", "/classification/decisions", body)
    assert (again.status_code, again.json()["code"]) == (409, "suggestion_decided")


def test_what_was_dismissed_is_not_suggested_again_unless_more_speaks_for_it(
    world: World, owner: Api
) -> None:
    world.put("mia", {"email": "mia@example.org"})
    scan(world, owner)
    (one,) = suggestions(owner)
    body = {"ids": [one["id"]], "verdict": "dismiss"}
    assert owner("POST", "/classification/decisions", body).status_code == 422
    body["reason"] = "Addresses of our own desks."
    assert owner("POST", "/classification/decisions", body).status_code == 200

    scan(world, owner)
    assert suggestions(owner, state="open") == []
    world.put("ben", {"dob": "1990-04-05"})
    scan(world, owner)

    (other,) = suggestions(owner, state="open")
    assert [each["kind"] for each in other["kinds"]] == ["email", "birth_date"]


def test_a_machine_raises_where_the_rule_says_so_and_only_raises(world: World, owner: Api) -> None:
    rule = {"namespace": "", "acts": "raise", "kinds": ["personal"]}
    assert owner("POST", "/classification/rules", rule).status_code == 201
    world.put("mia", CUSTOMER)

    scan(world, owner)

    assert class_of(world) == "confidential"  # the card is none of the rule's kinds
    (one,) = suggestions(owner)
    assert (one["state"], one["decided_by"]["type"]) == ("raised", "system")
    world.delete("mia")
    scan(world, owner)
    assert class_of(world) == "confidential"
    assert owner("GET", f"/namespaces/{world.namespace.name}/findings").json()["items"] == []


def test_only_a_person_lowers_and_says_why(world: World, owner: Api) -> None:
    path = f"/namespaces/{world.namespace.name}"
    owner("PATCH", path, {"classification": "restricted"})

    agent = Api(world.agent)("PATCH", path, {"classification": "internal", "reason": "x"})
    silent = owner("PATCH", path, {"classification": "internal"})
    said = owner("PATCH", path, {"classification": "internal", "reason": "Test data only."})

    assert (agent.status_code, agent.json()["code"]) == (403, "only_people_lower")
    assert silent.json()["errors"][0]["pointer"] == "/reason"
    assert (said.status_code, said.json()["classification"]) == (200, "internal")


def test_what_is_recorded_when_read_is_recorded_when_it_is_scanned(
    world: World, owner: Api
) -> None:
    world.put("mia", CUSTOMER)
    owner("PATCH", f"/namespaces/{world.namespace.name}", {"classification": "restricted"})
    before = len(reads(world))

    scan(world, owner)

    assert len(reads(world)) == before + 1


def reads(world: World) -> list[Any]:
    return [one for one in audit_records(world.tenant.id) if one[0] == "state.read_value"]


def test_a_sample_is_a_part_and_always_the_same(world: World, owner: Api) -> None:
    for number in range(60):
        world.put(f"k{number}", {"email": f"a{number}@example.org"})

    first = scan(world, owner, coverage="sample", sample_percent=20)["counts"]["looked"]
    again = scan(world, owner, coverage="sample", sample_percent=20)["counts"]["looked"]

    assert 0 < first < 40
    assert again == first


def test_a_scan_that_was_interrupted_goes_on_where_it_was(
    world: World, owner: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "PAGE", 2)
    monkeypatch.setattr(scanning, "page_after", partial(scanning.page_after, limit=2))
    for number in range(5):
        world.put(f"k{number}", {"email": f"a{number}@example.org"})
    looked: list[str] = []
    look_at = scanning.look_at

    def fail_once(configuration: Any, rules: Any, rows: Any, **how: Any) -> Any:
        looked.extend(row.key for row in rows)
        if len(looked) == 4:
            raise Killed
        return look_at(configuration, rules, rows, **how)

    monkeypatch.setattr(scanning, "look_at", fail_once)
    started = owner("POST", "/classification/scans", {}).json()
    with pytest.raises(Killed):
        carry_out(started["job_run"], jobs().__getitem__)
    release(started["job_run"])
    finish(world, started)

    done = owner("GET", f"/classification/scans/{started['id']}").json()
    assert (done["state"], done["counts"]["entries"]) == ("done", 5)
    assert (looked.count("k0"), looked.count("k2")) == (1, 2)


class Killed(BaseException):
    """A worker that is gone from one line to the next."""


def release(run_id: str) -> None:
    """Let the dead worker's lease end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_job_open SET beat_at = now() - interval '1 hour' WHERE run_id = %s",
            [run_id],
        )


def test_an_erasure_counts_and_deletes_what_was_found(world: World, owner: Api) -> None:
    world.put("mia", CUSTOMER)
    world.put("ben", {"dob": "1990-04-05"})
    scan(world, owner)
    store = SUBJECT_STORES["findings"]
    assert store.count is not None
    assert store.erase is not None
    places = [(world.namespace.id, "mia")]

    assert world.run(store.count(world.tenant.id, places)) == 5
    assert world.run(store.erase(world.tenant.id, places)) == 5
    found = owner("GET", f"/namespaces/{world.namespace.name}/findings").json()["items"]
    assert [one["key"] for one in found] == ["ben"]


def test_another_tenant_sees_none_of_it(world: World, owner: Api) -> None:
    world.put("mia", CUSTOMER)
    done = scan(world, owner)
    (one,) = suggestions(owner)
    stranger = Api(make_member(new_tenant(), "owner"))

    assert suggestions(stranger) == []
    assert stranger("GET", f"/classification/scans/{done['id']}").status_code == 404
    assert stranger("GET", f"/namespaces/{world.namespace.name}/findings").status_code == 404
    body = {"ids": [one["id"]], "verdict": "accept"}
    assert stranger("POST", "/classification/decisions", body).status_code == 404
    asked = {"namespace": world.namespace.name}
    assert stranger("POST", "/classification/scans", asked).status_code == 404


def test_who_may_not_manage_changes_nothing_and_who_may_not_read_sees_no_places(
    world: World, owner: Api
) -> None:
    world.put("mia", CUSTOMER)
    scan(world, owner)
    (one,) = suggestions(owner)
    auditor = Api(make_member(world.tenant, "auditor"))
    agent = Api(world.agent)

    body = {"ids": [one["id"]], "verdict": "accept"}
    assert auditor("POST", "/classification/decisions", body).status_code == 403
    found = auditor("GET", f"/namespaces/{world.namespace.name}/findings").json()["items"]
    assert {each["pointer"] for each in found} == {None}
    assert agent("GET", "/classification/suggestions").status_code == 403


def test_scans_need_a_range_and_one_at_a_time(world: World, owner: Api) -> None:
    assert owner("POST", "/classification/scans", {"sample_percent": 0}).status_code == 422
    owner("POST", "/classification/scans", {})
    twice = owner("POST", "/classification/scans", {})
    assert (twice.status_code, twice.json()["code"]) == (409, "scan_under_way")
