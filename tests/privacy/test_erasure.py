"""Erasing a person: everything derived included, but for what a hold or a retain rule keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from governance.people.acts import system_call
from governance.privacy.outside import path_of
from governance.privacy.services.erasing import ask_to_erase, erase_subject, look
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.gate.approvals.services import vote
from stateward.gate.keys.subjects import ensure_subject_key
from stateward.gate.policy.exceptions import Denied
from stateward.kernel import clock
from stateward.kernel.errors import Conflict, Gone
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.jobs.services import run_here
from stateward.state.configuration import forget_configurations, load_configuration
from stateward.state.exceptions import ClockJumped, NoSuchEntry
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.backups.backup_world import back_up, restored, rows
from tests.factories.approvals import set_number
from tests.factories.privacy import Office
from tests.factories.tenants import make_member, make_person
from tests.retention.sessions import in_thread, wait_until_somebody_waits

MIA = "mia.li@example.com"
WORKER = Path(__file__).with_name("erase_worker.py")
IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND query LIKE '%stateward_tombstone%'
"""


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


def test_a_database_that_forgot_the_erasure_does_not_bring_it_back(
    mia: Office, tmp_path: Path, superuser: str
) -> None:
    """As after the loss of everything but root key, archives and the folder of ledgers."""
    made = back_up(mia.keeper.tenant_id, tmp_path)
    mia.erase(mia.ready())
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(
            "DELETE FROM stateward_tombstone WHERE tenant_id = %s", (mia.keeper.tenant_id,)
        )

    report = restored(made)

    assert report.erased == {"entries": 2, "revisions": 3}


def test_a_list_outside_that_somebody_changed_stops_the_restore(
    mia: Office, tmp_path: Path
) -> None:
    made = back_up(mia.keeper.tenant_id, tmp_path)
    mia.erase(mia.ready())
    path = path_of(mia.keeper.tenant_id)
    path.write_bytes(path.read_bytes().replace(b"entries", b"entriez", 1))

    with pytest.raises(ArchiveRefused):
        restored(made)


def test_the_persons_own_key_is_destroyed_with_the_last_of_it(office: Office) -> None:
    tenant_id = office.keeper.tenant_id
    office.declare()
    with tenant_scope(tenant_id):
        keys = run_flow(load_configuration(tenant_id, max_age=0)).keys
        space = office.keeper.world.namespace.id
        run_flow(ensure_subject_key(keys, space, "Mia.Li@Example.com"))
    office.keeper.world.put("a", {"email": MIA})

    office.erase(office.ready())

    sql = "SELECT state FROM stateward_data_key WHERE tenant_id = %s AND subject IS NOT NULL"
    assert office.keeper.rows(sql, tenant_id) == [("destroyed",)]


def test_the_same_task_twice_in_parallel_has_one_effect(mia: Office) -> None:
    """F28."""
    set_number(mia.keeper.tenant_id, "subject.erase", 0)
    begun = erase_subject(mia.keeper.owner, system_call(), mia.ready().id)
    params = {"request": str(begun.id)}

    def once() -> None:
        run_here("privacy.erase", tenant_id=mia.keeper.tenant_id, params=params)

    outcomes = [in_thread(once) for _ in range(2)]
    for thread, _ in outcomes:
        thread.join(60)

    assert [outcome for _, outcome in outcomes] == [[None], [None]]
    assert (mia.again(begun).state, mia.again(begun).erased) == ("done", 2)
    assert mia.keeper.world.history("a")[0] == (3, "purge")
    stones = "SELECT count(*) FROM stateward_tombstone WHERE tenant_id = %s"
    assert mia.keeper.rows(stones, mia.keeper.tenant_id) == [(2,)]


def test_nothing_is_erased_while_clocks_disagree(
    mia: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F34: one clock 400 days ahead."""
    ahead = clock.now() + timedelta(days=400)
    monkeypatch.setattr("stateward.state.services.clocks.now", lambda: ahead)

    with pytest.raises(ClockJumped):
        mia.erase(mia.ready())

    assert mia.keeper.values_left("a") == 3


def test_a_killed_erasure_leaves_whole_batches_or_nothing(mia: Office, superuser: str) -> None:
    """F05: kill -9 in the middle of a batch, and another worker after it."""
    set_number(mia.keeper.tenant_id, "subject.erase", 0)
    begun = erase_subject(mia.keeper.owner, system_call(), mia.ready().id)
    with psycopg.connect(superuser) as blocker:
        blocker.execute(
            "LOCK TABLE stateward_tombstone IN SHARE MODE"  # the batch waits here, half done
        )
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(mia.keeper.tenant_id), str(begun.id)]
        )
        wait_until_somebody_waits("stateward_tombstone")
        worker.kill()
        worker.wait(30)
    with psycopg.connect(superuser, autocommit=True) as watch:
        for _ in range(2000):  # the server notices, and undoes what was under way
            row = watch.execute(IN_TRANSACTION).fetchone()
            if row == (0,):
                break
            watch.execute("SELECT pg_sleep(0.01)")
    sql = "SELECT count(*) FROM {} WHERE tenant_id = %s"
    by = mia.keeper.tenant_id
    for table in ("stateward_tombstone", "stateward_purge_batch"):
        assert mia.keeper.rows(sql.format(table), by) == [(0,)]
    assert mia.keeper.values_left("a") == 3

    run_here("privacy.erase", tenant_id=by, params={"request": str(begun.id)})

    assert (mia.again(begun).state, mia.keeper.values_left("a")) == ("done", 0)
    assert mia.keeper.rows(sql.format("stateward_tombstone"), by) == [(2,)]


def test_an_entry_that_is_about_somebody_else_by_now_loses_its_older_versions_only(
    mia: Office, tmp_path: Path
) -> None:
    world = mia.keeper.world
    for number, email in enumerate((MIA, MIA, "bob@example.com", "bob@example.com")):
        world.put("seat", {"email": email, "n": number})
    made = back_up(mia.keeper.tenant_id, tmp_path)
    request = mia.ready()
    assert look(mia.keeper.owner, system_call(), request.id)[1].outlived == 1

    done = mia.erase(request)

    assert (done.state, done.erased) == ("done", 3)
    assert world.get("seat").value["n"] == 3
    assert world.at("seat", version=3).value["n"] == 2
    for version in (1, 2):
        with pytest.raises(Gone):
            world.at("seat", version=version)
    assert run_here("privacy.rescan", tenant_id=mia.keeper.tenant_id).result["remnants"] == 0
    report = restored(made)
    sql = "SELECT version FROM stateward_revision WHERE key = 'seat' ORDER BY version"
    assert rows(report.tenant_id, sql) == [(3,), (4,)]
    kept = "SELECT version FROM stateward_entry WHERE key = 'seat'"
    assert rows(report.tenant_id, kept) == [(4,)]
