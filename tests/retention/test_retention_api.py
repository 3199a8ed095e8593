"""Rules, previews and holds over REST: as documented, for whom it is, and for nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant
from tests.factories.api import Api, audit_events
from tests.factories.approvals import set_number
from tests.factories.retention import Keeper, make_keeper
from tests.factories.tenants import make_agent, make_member

RULE = {"name": "month", "kind": "delete", "namespace": "notes", "days": 30}


@pytest.fixture
def tenant(keeper: Keeper) -> Tenant:
    return keeper.world.tenant


@pytest.fixture
def owner(keeper: Keeper) -> Api:
    return Api(keeper.member)


@pytest.fixture
def week(settings: Any) -> None:
    settings.RETENTION_GRACE_HOURS = 168


def test_a_rule_is_written_and_read_back(owner: Api) -> None:
    made = owner("POST", "/retention/rules", RULE | {"note": "As agreed."})

    body = made.json()
    assert (made.status_code, made["Location"]) == (201, f"/api/v1/retention/rules/{body['id']}")
    assert body["in_force"] | {"created_by": None} == {
        "version": 1, "ends": False, "namespace": "notes", "key_pattern": "", "classification": "",
        "label": "", "clock": "created", "days": 30, "erase_audit": False, "note": "As agreed.",
        "takes_effect_at": body["in_force"]["takes_effect_at"],
        "created_at": body["in_force"]["created_at"], "created_by": None,
    }  # fmt: skip
    assert owner("GET", f"/retention/rules/{body['id']}").json() == body
    assert owner("GET", "/retention/rules").json() == {"items": [body], "next_cursor": None}


def test_a_rule_that_deletes_waits_a_week_and_one_that_retains_does_not(
    owner: Api, week: None
) -> None:
    deletes = owner("POST", "/retention/rules", RULE).json()
    retains = owner("POST", "/retention/rules", RULE | {"name": "k", "kind": "retain"}).json()

    assert (deletes["state"], deletes["in_force"]) == ("waiting", None)
    effect = datetime.fromisoformat(deletes["pending"]["takes_effect_at"])
    assert timedelta(days=6.99) < effect - datetime.now(UTC) < timedelta(days=7.01)
    assert (retains["state"], retains["pending"]) == ("in_force", None)


def test_a_change_is_a_version_and_the_old_one_stands_until_it_counts(
    keeper: Keeper, owner: Api, settings: Any
) -> None:
    rule = owner("POST", "/retention/rules", RULE).json()
    path = f"/retention/rules/{rule['id']}/versions"
    settings.RETENTION_GRACE_HOURS = 168
    says = {"kind": "delete", "namespace": "notes"}

    sooner = owner("POST", path, says | {"days": 10})
    later = owner("POST", path, says | {"days": 90})
    same = owner("POST", path, says | {"days": 90})
    other_kind = owner("POST", path, says | {"days": 90, "kind": "retain"})

    assert sooner.status_code == 201
    assert (sooner.json()["state"], sooner.json()["in_force"]["days"]) == ("changing", 30)
    assert (later.json()["state"], later.json()["in_force"]["days"]) == ("in_force", 90)
    assert (same.status_code, same.json()["code"]) == (409, "nothing_changes")
    assert (other_kind.status_code, other_kind.json()["errors"][0]["pointer"]) == (422, "/kind")
    first = owner("GET", path + "?limit=2").json()
    rest = owner("GET", path + f"?limit=2&cursor={first['next_cursor']}").json()
    assert [one["version"] for one in first["items"] + rest["items"]] == [3, 2, 1]


def test_an_ended_rule_stays_ended(keeper: Keeper, owner: Api, week: None) -> None:
    rule = owner("POST", "/retention/rules", RULE | {"kind": "retain"}).json()
    path = f"/retention/rules/{rule['id']}"

    ending = owner("DELETE", path, {"note": "No longer needed."})
    again = owner("DELETE", path)

    assert (ending.status_code, ending.json()["state"]) == (200, "ending")
    assert ending.json()["in_force"]["days"] == 30
    assert (again.status_code, again.json()["code"]) == (409, "retention_rule_over")


def test_ending_a_rule_that_only_deletes_acts_at_once(owner: Api) -> None:
    rule = owner("POST", "/retention/rules", RULE).json()
    path = f"/retention/rules/{rule['id']}"

    assert owner("DELETE", path).json()["state"] == "ended"
    version = owner("POST", path + "/versions", {"kind": "delete", "days": 3})
    assert (version.status_code, version.json()["code"]) == (409, "retention_rule_over")


UNFIT = [
    ("name", "/"),
    ("days", -1),
    ("days", 40_000),
    ("kind", "archive"),
    ("clock", "read"),
    ("clock", "born"),
    ("namespace", "Not a name"),
    ("key_pattern", "*" * 9),
    ("classification", "secret"),
    ("label", "case"),
    ("erase_audit", True),
]


@pytest.mark.parametrize(
    ("member", "value"), UNFIT, ids=[f"{m}-{n}" for n, (m, _) in enumerate(UNFIT)]
)
def test_what_does_not_fit_is_refused_where_it_is(owner: Api, member: str, value: Any) -> None:
    answer = owner("POST", "/retention/rules", RULE | {member: value})

    assert answer.status_code in {400, 422}
    assert answer["Content-Type"] == "application/problem+json"
    assert [one["pointer"] for one in answer.json()["errors"]] == [f"/{member}"]


@pytest.mark.parametrize(
    "member", ["tenant_id", "id", "takes_effect_at", "version", "in_force", "created_at"]
)
def test_nothing_else_can_be_set(keeper: Keeper, owner: Api, member: str) -> None:
    made = owner("POST", "/retention/rules", RULE | {member: "x"})
    held = owner("POST", "/retention/holds", {"matter": "M", "reason": "r", member: "x"})
    read = owner("POST", "/retention/preview", {"rule": None, member: "x"})

    assert [made.status_code, held.status_code, read.status_code] == [400] * 3
    assert keeper.rows("SELECT 1 FROM stateward_retention_rule") == []


def test_a_name_is_taken_once(owner: Api) -> None:
    owner("POST", "/retention/rules", RULE)

    answer = owner("POST", "/retention/rules", RULE)

    assert (answer.status_code, answer.json()["code"]) == (409, "retention_rule_name_taken")


def test_there_is_an_end_to_rules(owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.retention.services.rules.MAX_RULES", 1)
    owner("POST", "/retention/rules", RULE)

    answer = owner("POST", "/retention/rules", RULE | {"name": "one more"})

    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_retention_rules")


def test_rules_come_in_pages(owner: Api) -> None:
    for number in range(3):
        owner("POST", "/retention/rules", RULE | {"name": f"rule {number}"})

    first = owner("GET", "/retention/rules?limit=2").json()
    second = owner("GET", f"/retention/rules?limit=2&cursor={first['next_cursor']}").json()

    assert [one["name"] for one in first["items"] + second["items"]] == [
        "rule 0", "rule 1", "rule 2"
    ]  # fmt: skip
    assert second["next_cursor"] is None


def test_a_preview_says_what_would_go_and_what_keeps_the_rest(
    keeper: Keeper, owner: Api, superuser: str
) -> None:
    world = keeper.world
    for key in ("case-1", "case-2", "held-1", "kept-1"):
        world.put(key, {"n": 1})
    world.put("young", 1)
    keeper.age(superuser, 31)
    world.put("young-too", 1)
    keeper.hold(key_pattern="held-*")
    keeper.rule("years", "retain", key_pattern="kept-*", days=700)
    draft = {"kind": "delete", "namespace": "notes", "days": 30}

    found = owner("POST", "/retention/preview", {"rule": draft}).json()

    assert {name: found[name] for name in ("entries", "bytes", "held", "retained", "unruled")} == {
        "entries": 3, "bytes": 15, "held": 1, "retained": 1, "unruled": 0,
    }  # fmt: skip
    assert found["by_namespace"] == [
        {"namespace": "notes", "entries": 3, "bytes": 15, "held": 1, "retained": 1}
    ]
    assert found["by_rule"][0]["entries"] == 3
    becomes = {one["key"]: one["becomes"] for one in found["samples"]}
    assert becomes == {
        "case-1": "due", "case-2": "due", "young": "due", "held-1": "held", "kept-1": "retained"
    }  # fmt: skip
    assert keeper.values_left("case-1") == 2
    before = owner("GET", "/retention/preview").json()
    assert (before["entries"], before["unruled"]) == (0, 5)
    assert before["unruled_namespaces"] == ["notes"]


def test_a_preview_counts_what_the_sweep_then_deletes(
    keeper: Keeper, owner: Api, superuser: str
) -> None:
    for number in range(12):
        keeper.world.put(f"k{number}", number)
    keeper.world.delete("k0")
    keeper.age(superuser, 31)
    owner("POST", "/retention/rules", RULE | {"key_pattern": "k?"})

    said = owner("GET", "/retention/preview").json()

    assert said["entries"] == keeper.sweep()["purged"] == 10


def test_a_draft_stands_in_for_the_rule_it_replaces(
    keeper: Keeper, owner: Api, superuser: str
) -> None:
    keeper.world.put("a", 1)
    keeper.age(superuser, 31)
    rule = owner("POST", "/retention/rules", RULE).json()
    draft = {"kind": "delete", "namespace": "notes", "days": 60, "replaces": rule["id"]}

    assert owner("GET", "/retention/preview").json()["entries"] == 1
    assert owner("POST", "/retention/preview", {"rule": draft}).json()["entries"] == 0
    missing = owner("POST", "/retention/preview", {"rule": draft | {"replaces": str(uuid7())}})
    assert missing.status_code == 404


def test_one_key_says_what_becomes_of_it(keeper: Keeper, owner: Api, superuser: str) -> None:
    keeper.world.put("a", 1)
    keeper.age(superuser, 31)
    keeper.rule("month", namespace="notes", days=30)
    keeper.rule("quarter", "retain", days=90)

    found = owner("GET", "/retention/resolution?namespace=notes&key=a").json()

    assert (found["becomes"], found["rule"], found["retained_by"]) == (
        "retained", "month", "quarter"
    )  # fmt: skip
    assert found["is_held"] is False
    assert owner("GET", "/retention/resolution?namespace=notes&key=b").status_code == 404
    assert owner("GET", "/retention/resolution?namespace=notes").status_code == 400


def test_proofs_can_be_read(keeper: Keeper, owner: Api, superuser: str) -> None:
    keeper.world.put("a", 1)
    keeper.age(superuser, 31)
    keeper.rule("month", days=30)
    keeper.sweep()

    (proof,) = owner("GET", "/retention/batches").json()["items"]

    assert (proof["rule"], proof["entries"], proof["held"]) == ("month", 1, 0)
    record = owner("GET", f"/audit/records/{proof['record_id']}")
    assert record.status_code == 200
    assert proof["ids_sha256"] in record.content.decode()


def test_a_hold_is_placed_read_and_released(keeper: Keeper, owner: Api) -> None:
    agent = keeper.world.agent
    made = owner(
        "POST", "/retention/holds",
        {"matter": "DOT-114", "reason": "Asked.", "namespace": "notes", "key_pattern": "a*",
         "custodian": {"type": "agent", "id": str(agent.id)}},
    )  # fmt: skip
    body = made.json()
    path = f"/retention/holds/{body['id']}"

    assert (made.status_code, made["Location"]) == (201, f"/api/v1{path}")
    assert body["custodian"] == {"type": "agent", "id": str(agent.id), "name": agent.name}
    assert owner("GET", path).json() == body
    assert [one["id"] for one in owner("GET", "/retention/holds").json()["items"]] == [body["id"]]
    set_number(keeper.tenant_id, "hold.release", 0)
    released = owner("POST", path + "/release", {"reason": "Closed."})
    assert (released.status_code, released.json()["release_reason"]) == (200, "Closed.")
    assert owner("POST", path + "/release", {"reason": "Again."}).json()["code"] == "hold_released"
    assert owner("GET", "/retention/holds?state=in_force").json()["items"] == []
    assert len(owner("GET", "/retention/holds?state=released").json()["items"]) == 1
    assert owner("GET", "/retention/holds?state=odd").status_code == 400
    events = [event for _, event, _ in audit_events(keeper.tenant_id)]
    assert events[-2:] == ["hold.placed", "hold.released"]


@pytest.mark.parametrize(
    "fields",
    [
        {"matter": " ", "reason": "r"},
        {"matter": "M", "reason": " "},
        {"matter": "M"},
        {"matter": "M", "reason": "r", "key_pattern": "a/b"},
        {"matter": "M", "reason": "r", "namespace": "No"},
        {"matter": "M", "reason": "r", "custodian": {"type": "agent", "id": str(uuid7())}},
    ],
    ids=["no-matter", "no-reason", "without-reason", "pattern", "namespace", "nobody"],
)
def test_a_hold_that_does_not_fit_is_refused(owner: Api, fields: dict[str, Any]) -> None:
    answer = owner("POST", "/retention/holds", fields)

    assert answer.status_code in {400, 422}
    assert answer.json()["errors"]


def test_a_foreign_custodian_is_one_that_nobody_has(owner: Api) -> None:
    stranger = make_keeper().world.agent

    said = set()
    for agent_id in (stranger.id, uuid7()):
        custodian = {"type": "agent", "id": str(agent_id)}
        answer = owner(
            "POST", "/retention/holds", {"matter": "M", "reason": "r", "custodian": custodian}
        )
        said.add((answer.status_code, answer.json()["detail"]))

    assert len(said) == 1


def test_nothing_of_another_tenant_is_there(keeper: Keeper) -> None:
    hold, rule = keeper.hold(), keeper.rule("month")
    stranger = Api(make_keeper().member)

    for path in (f"/retention/holds/{hold.id}", f"/retention/rules/{rule.rule.id}"):
        assert stranger("GET", path).status_code == 404
    assert (
        stranger("POST", f"/retention/holds/{hold.id}/release", {"reason": "x"}).status_code == 404
    )
    assert stranger("DELETE", f"/retention/rules/{rule.rule.id}").status_code == 404
    assert stranger("GET", f"/retention/rules/{rule.rule.id}/versions").status_code == 404
    for path in ("/retention/rules", "/retention/holds", "/retention/batches"):
        assert stranger("GET", path).json()["items"] == []
    assert keeper.rows("SELECT 1 FROM stateward_hold WHERE released_at IS NULL") == [(1,)]


RIGHTS = [
    ("admin", 201, 200, 201, 403),
    ("auditor", 403, 200, 403, 403),
    ("editor", 403, 200, 403, 403),
    ("viewer", 403, 403, 403, 403),
]


@pytest.mark.parametrize(("role", "writes", "reads", "places", "releases"), RIGHTS)
def test_each_role_does_what_it_may(
    keeper: Keeper, role: str, writes: int, reads: int, places: int, releases: int
) -> None:
    who = Api(make_member(keeper.world.tenant, role))
    hold = keeper.hold()

    assert who("POST", "/retention/rules", RULE).status_code == writes
    assert who("GET", "/retention/rules").status_code == reads
    assert who("GET", "/retention/preview").status_code == reads
    assert who("POST", "/retention/holds", {"matter": "M", "reason": "r"}).status_code == places
    path = f"/retention/holds/{hold.id}/release"
    expected = releases if role != "viewer" else 404
    assert who("POST", path, {"reason": "r"}).status_code == expected


def test_an_agent_rules_nothing(keeper: Keeper) -> None:
    agent = Api(make_agent(keeper.world.tenant, "builder"))

    assert agent("POST", "/retention/rules", RULE).status_code == 403
    assert agent("POST", "/retention/holds", {"matter": "M", "reason": "r"}).status_code == 403
    assert agent("GET", "/retention/preview").status_code == 403


def test_a_held_namespace_is_not_deleted_over_rest(keeper: Keeper, owner: Api) -> None:
    keeper.world.put("a", 1)
    keeper.hold(namespace="notes")

    answer = owner("DELETE", "/namespaces/notes?force=true")

    assert (answer.status_code, answer.json()["code"]) == (409, "under_hold")
    assert owner("GET", "/namespaces/notes").status_code == 200
    assert ("namespace.delete", "deny_invariant") in [
        (action, outcome) for action, _, outcome in audit_events(keeper.tenant_id)
    ]


def test_the_explanation_of_a_delete_names_the_hold(keeper: Keeper, owner: Api) -> None:
    keeper.world.put("a", 1)
    keeper.hold(key_pattern="a", custodian=keeper.world.actor)
    question = {
        "principal": {"type": "agent", "id": str(keeper.world.agent.id)},
        "action": "state.delete",
        "resource": {"type": "entry", "id": "notes/a"},
    }

    said = owner("POST", "/decisions/explanation", question).json()
    read = owner("POST", "/decisions/explanation", question | {"action": "state.read_value"}).json()

    assert (said["allowed"], said["code"]) == (False, "under_hold")
    assert read["allowed"]
