"""Erasing a person: everything derived included, but for what a hold or a retain rule keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance.people.acts import system_call
from governance.privacy.services.erasing import ask_to_erase, erase_subject, look
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.gate.approvals.services import vote
from stateward.gate.policy.exceptions import Denied
from stateward.kernel.errors import Conflict, Gone
from stateward.operations.jobs.services import run_here
from stateward.state.configuration import forget_configurations
from stateward.state.exceptions import NoSuchEntry
from tests.backups.backup_world import back_up, restored, rows
from tests.factories.approvals import set_number
from tests.factories.privacy import Office
from tests.factories.tenants import make_member, make_person

MIA = "mia.li@example.com"


@pytest.fixture
def mia(office: Office) -> Office:
    """Two entries name Mia, one of them twice over; another names Bob."""
    office.declare()
    world = office.keeper.world
    world.put("a", {"email": MIA, "n": 1})
    world.put("a", {"email": MIA, "n": 2}, note="a note", labels={"of": "mia"})
    world.put("b", {"email": MIA})
    world.put("bob", {"email": "bob@example.com"})
    return office


def traces(office: Office, *keys: str) -> dict[str, int]:
    """What is left of these keys, by store."""
    by = (office.keeper.tenant_id, list(keys))
    one = "SELECT count(*) FROM {} WHERE tenant_id = %s AND {} = ANY (%s)"
    return {
        name: office.keeper.rows(one.format(table, key) + f" AND {that}", *by)[0][0]
        for name, table, key, that in (
            ("values", "stateward_entry", "key", "(value IS NOT NULL OR value_hash IS NOT NULL)"),
            ("history", "stateward_revision", "key", "(value IS NOT NULL OR note IS NOT NULL)"),
            ("labels", "stateward_revision", "key", "labels <> '{}'"),
            ("audit", "stateward_audit_record", "entry_key", "true"),
            ("index", "stateward_subject_entry", "key", "true"),
            ("items", "stateward_subject_item", "key", "true"),
        )
    }


def test_nothing_of_the_person_is_left_in_any_store(mia: Office) -> None:
    mia.keeper.world.get("a")
    request = mia.ready()
    assert request.found == 2

    done = mia.erase(request)

    assert (done.state, done.erased) == ("done", 2)
    assert set(traces(mia, "a", "b").values()) == {0}
    with pytest.raises(NoSuchEntry):
        mia.keeper.world.get("a")
    with pytest.raises(Gone):
        mia.keeper.world.at("a", version=1)
    assert mia.keeper.world.get("bob").value == {"email": "bob@example.com"}


def test_the_preview_counts_every_store_and_changes_nothing(mia: Office) -> None:
    mia.keeper.world.put("shared", {"email": MIA, "friends": [{"email": "bob@example.com"}]})
    mia.declare(path="/friends/*/email")
    request = mia.ready()

    _, found = look(mia.keeper.owner, system_call(), request.id)

    assert (found.entries, found.due, found.shared) == (3, 3, 1)
    assert found.by_store["revisions"] == 4
    assert found.by_store["audit"] >= 4
    assert traces(mia, "a", "b")["values"] == 2


def test_a_hold_prevents_it_and_its_release_lets_it_go_on(mia: Office) -> None:
    hold = mia.keeper.hold(key_pattern="a")
    request = mia.ready()

    waiting = mia.erase(request)

    assert (waiting.state, waiting.erased, waiting.waits_for) == ("waiting", 1, "1 under a hold")
    assert mia.keeper.world.get("a").value["n"] == 2
    mia.keeper.release(hold)
    run_here("privacy.resume", tenant_id=None)
    run_here("privacy.erase", tenant_id=mia.keeper.tenant_id, params={"request": str(request.id)})
    assert mia.again(request).state == "done"
    assert mia.keeper.values_left("a") == 0


def test_a_retain_rule_restricts_and_the_end_of_it_erases_without_asking(
    mia: Office, superuser: str
) -> None:
    world = mia.keeper.world
    mia.keeper.rule("law", "retain", days=30, key_pattern="b")

    waiting = mia.erase(mia.ready())

    assert (waiting.state, waiting.erased, waiting.restricted) == ("waiting", 1, 1)
    assert waiting.wait_until is not None
    forget_configurations()  # a read may rely on what is a second old
    with pytest.raises(Denied) as refused:
        world.get("b")
    assert refused.value.decision.code == "subject_restricted"  # type: ignore[attr-defined]
    mia.keeper.age(superuser, 31)
    run_here("privacy.erase", tenant_id=mia.keeper.tenant_id, params={"request": str(waiting.id)})
    assert (mia.again(waiting).state, mia.again(waiting).restricted) == ("done", 0)
    assert mia.keeper.values_left("b") == 0
    forget_configurations()
    world.put("b", {"n": "anew"})


def test_somebody_else_agrees_to_exactly_the_list(mia: Office) -> None:
    owner = mia.keeper.owner
    other = make_member(mia.keeper.world.tenant, "owner", person=make_person(name="Omar"))
    voter = type(owner)(
        "member", other.id, "Omar", owner.tenant_id, owner.tenant_slug, ("owner",),
        auth_method="session",
    )  # fmt: skip
    request = mia.ready()
    with pytest.raises(ApprovalNeeded):
        erase_subject(owner, system_call(), request.id)
    first = ask_to_erase(owner, system_call(), request.id, reason="She asked for it.")
    mia.keeper.world.put("c", {"email": MIA})
    mia.index()
    with pytest.raises(Conflict):
        vote(voter, system_call(), first.id, verdict="approve", sha256=first.sha256)
    asked = ask_to_erase(owner, system_call(), request.id, reason="And one more was found.")

    vote(voter, system_call(), asked.id, verdict="approve", sha256=asked.sha256)

    assert mia.again(request).state == "working"
    run_here("privacy.erase", tenant_id=owner.tenant_id, params={"request": str(request.id)})
    assert (mia.again(request).state, mia.again(request).erased) == ("done", 3)


def test_the_certificate_is_signed_and_names_nobody(mia: Office, sealed: Any) -> None:
    done = mia.erase(mia.ready())

    said = sealed(done)

    assert (said["entries"]["erased"], said["state"]) == (2, "done")
    assert "earlier versions, and with them diffs, rollbacks and past views" in said["stores"]
    assert MIA not in json.dumps(said)


def test_a_restored_backup_does_not_bring_it_back(mia: Office, tmp_path: Path) -> None:
    made = back_up(mia.keeper.tenant_id, tmp_path)
    mia.erase(mia.ready())

    report = restored(made)

    assert report.erased == {"entries": 2, "revisions": 3}
    sql = "SELECT key FROM {} WHERE value IS NOT NULL ORDER BY key"
    assert rows(report.tenant_id, sql.format("stateward_entry")) == [("bob",)]
    assert rows(report.tenant_id, sql.format("stateward_revision")) == [("bob",)]


def test_what_was_written_after_the_erasure_is_restored(mia: Office, tmp_path: Path) -> None:
    mia.erase(mia.ready())
    mia.keeper.world.put("a", {"email": "zoe@example.com"})

    report = restored(back_up(mia.keeper.tenant_id, tmp_path))

    sql = "SELECT key, version FROM stateward_entry WHERE value IS NOT NULL ORDER BY key"
    assert rows(report.tenant_id, sql) == [("a", 4), ("bob", 1)]


def test_nobody_without_the_right_erases(mia: Office) -> None:
    request = mia.ready()
    set_number(mia.keeper.tenant_id, "subject.erase", 0)

    with pytest.raises(Denied):
        erase_subject(mia.keeper.world.actor, system_call(), request.id)
