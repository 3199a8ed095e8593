"""Sealing: every record once, in the tree it belongs to; nothing signed that contradicts itself."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from audit_helpers import Session, an_agent, connect, seal, watching, write_records

from stateward.gate.audit.exceptions import SealingKeyUnusable
from stateward.gate.audit.memory import Memory
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.sealing_key import public_keys, sealing_key
from stateward.gate.audit.verify import leaf_hash, open_checkpoint, subtree_root
from stateward.gate.sequence.serving import drive
from stateward.tenancy.models import PLATFORM

pytestmark = pytest.mark.usefixtures("database")


def tree_of(session: Session, tenant_id: UUID) -> Any:
    return session.execute(
        "SELECT size, root, alarm FROM stateward_audit_tree WHERE tenant_id = %s", (tenant_id,)
    ).fetchone()


def leaves_of(session: Session, tenant_id: UUID) -> list[bytes]:
    rows = session.execute(
        "SELECT record FROM stateward_audit_record WHERE tenant_id = %s"
        " ORDER BY stateward_pass_of(xid), seq",
        (tenant_id,),
    )
    return [leaf_hash(row[0]) for row in rows]


def note_of(session: Session, tenant_id: UUID) -> str:
    row = session.execute(
        "SELECT note FROM stateward_audit_checkpoint WHERE tenant_id = %s"
        " ORDER BY size DESC LIMIT 1",
        (tenant_id,),
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_each_tenant_has_a_tree_over_its_own_records(seals: Path) -> None:
    ours, theirs = an_agent(), an_agent()
    write_records(ours, 5)
    write_records(theirs, 3)
    seal(seals)
    write_records(ours, 300)
    seal(seals)

    with connect() as session:
        for actor, count in ((ours, 305), (theirs, 3)):
            leaves = leaves_of(session, actor.tenant_id)
            size, root, alarm = tree_of(session, actor.tenant_id)
            assert (size, alarm) == (count, None)
            assert root == subtree_root(leaves)


def test_the_platform_has_a_tree_of_its_own(seals: Path) -> None:
    write_records(an_agent(PLATFORM), 2)
    seal(seals)

    with connect() as session:
        assert tree_of(session, PLATFORM)[0] >= 2


def test_the_root_is_signed_in_the_log_own_name(seals: Path) -> None:
    actor = an_agent()
    write_records(actor, 4)
    seal(seals)

    with connect() as session:
        size, root, _ = tree_of(session, actor.tenant_id)
        note = note_of(session, actor.tenant_id)
        keys = drive(session, public_keys(origin_of(actor.tenant_id)))
    checkpoint = open_checkpoint(note, keys)
    assert (checkpoint.size, checkpoint.root) == (size, root)
    assert checkpoint.origin == origin_of(actor.tenant_id)


def test_what_is_signed_is_kept_outside_the_database(seals: Path) -> None:
    actor = an_agent()
    write_records(actor, 2)
    seal(seals)

    with connect() as session:
        note = note_of(session, actor.tenant_id)
    assert (seals / "latest" / f"{actor.tenant_id}.txt").read_text() == note
    assert Memory(seals).known[actor.tenant_id].note == note


def test_an_idle_log_is_signed_again_with_a_later_time(seals: Path) -> None:
    actor = an_agent()
    write_records(actor, 2)
    seal(seals)
    with connect(autocommit=True) as session:
        before = note_of(session, actor.tenant_id)
        session.execute(
            "UPDATE stateward_audit_checkpoint SET renewed_at = renewed_at - interval '2 minutes'"
        )
        with watching(seals) as watch:
            watch.seal()
            watch.tick()

        assert note_of(session, actor.tenant_id) != before
        assert tree_of(session, actor.tenant_id)[0] == 2


def test_a_checkpoint_lost_before_it_was_stored_is_come_to_again(seals: Path) -> None:
    """The host signed, and was killed before the transaction ended."""
    actor = an_agent()
    write_records(actor, 3)
    with watching(seals) as watch:
        watch.tick()
        with watch.connection.transaction(force_rollback=True):
            sealed = drive(watch.connection, watch.sealer.seal())
            watch.memory.keep(sealed.notes, sealed.at)
    write_records(actor, 4)

    seal(seals)

    with connect() as session:
        size, root, alarm = tree_of(session, actor.tenant_id)
        assert (size, alarm) == (7, None)
        assert root == subtree_root(leaves_of(session, actor.tenant_id))


class TestForks:
    def break_and_seal(self, seals: Path, actor: Any, sql: str, *parameters: Any) -> str | None:
        with connect(autocommit=True) as session:
            session.execute(sql, parameters)
            write_records(actor, 1)
            seal(seals)
            alarm = tree_of(session, actor.tenant_id)[2]
        return None if alarm is None else str(alarm)

    def sealed_actor(self, seals: Path) -> Any:
        actor = an_agent()
        for _ in range(3):
            write_records(actor, 2)
            seal(seals)
        return actor

    def test_a_tree_set_back_is_not_signed(self, seals: Path) -> None:
        actor = self.sealed_actor(seals)
        alarm = self.break_and_seal(
            seals, actor,
            "WITH cut AS (DELETE FROM stateward_audit_tile WHERE tenant_id = %s),"
            " gone AS (DELETE FROM stateward_audit_batch WHERE tenant_id = %s)"
            " DELETE FROM stateward_audit_tree WHERE tenant_id = %s",
            *[actor.tenant_id] * 3,
        )  # fmt: skip

        with connect(autocommit=True) as session:
            note = note_of(session, actor.tenant_id)
            with watching(seals) as watch:
                watch.seal()
                watch.tick()
            assert note_of(session, actor.tenant_id) == note
            alarm = tree_of(session, actor.tenant_id)[2]
        assert "fewer records" in alarm

    def test_another_root_is_not_signed(self, seals: Path) -> None:
        actor = self.sealed_actor(seals)

        alarm = self.break_and_seal(
            seals, actor,
            "UPDATE stateward_audit_tree SET root = sha256('x') WHERE tenant_id = %s",
            actor.tenant_id,
        )  # fmt: skip

        assert "does not give its root" in str(alarm)

    def test_a_tree_rewritten_whole_is_not_signed(self, seals: Path) -> None:
        actor = self.sealed_actor(seals)

        alarm = self.break_and_seal(
            seals, actor,
            "UPDATE stateward_audit_tree SET size = 1, root = sha256('x'), peaks = sha256('x')"
            " WHERE tenant_id = %s",
            actor.tenant_id,
        )  # fmt: skip
        with watching(seals) as watch:
            watch.seal()
            watch.tick()
        with connect() as session:
            alarm = tree_of(session, actor.tenant_id)[2]

        assert "fewer records" in str(alarm)

    def test_records_that_were_sealed_already_are_an_alarm_and_stop_no_other(
        self, seals: Path
    ) -> None:
        actor, other = self.sealed_actor(seals), an_agent()
        alarm = self.break_and_seal(
            seals, actor,
            "UPDATE stateward_audit_tree SET alarm = 'looked at', held_after = 0"
            " WHERE tenant_id = %s",
            actor.tenant_id,
        )  # fmt: skip
        write_records(other, 2)
        with watching(seals) as watch:
            for _ in range(2):  # what is new, and then what is held
                watch.tick()
                watch.seal()
                watch.tick()

        with connect() as session:
            alarm = tree_of(session, actor.tenant_id)[2]
            assert tree_of(session, other.tenant_id)[0] == 2
        assert "sealed already" in str(alarm)

    def test_a_missing_node_is_noticed_by_a_new_host(self, seals: Path, tmp_path: Path) -> None:
        actor = self.sealed_actor(seals)
        old = tmp_path / "old"
        old.mkdir()
        with connect() as session:
            note = session.execute(
                "SELECT tenant_id, note FROM stateward_audit_checkpoint WHERE tenant_id = %s"
                " ORDER BY size LIMIT 1", (actor.tenant_id,),
            ).fetchone()  # fmt: skip
        assert note is not None
        Memory(old).keep({note[0]: note[1]}, datetime.now(UTC))

        alarm = self.break_and_seal(
            old, actor, "DELETE FROM stateward_audit_tile WHERE tenant_id = %s", actor.tenant_id
        )

        assert "missing" in str(alarm)

    def test_a_forged_checkpoint_is_noticed_by_a_new_host(
        self, seals: Path, tmp_path: Path
    ) -> None:
        actor = self.sealed_actor(seals)

        alarm = self.break_and_seal(
            tmp_path / "new", actor,
            "UPDATE stateward_audit_checkpoint SET note = replace(note, %s, %s)"
            " WHERE tenant_id = %s", "\n6\n", "\n5\n", actor.tenant_id,
        )  # fmt: skip

        assert "newest checkpoint" in str(alarm)

    def test_when_the_history_is_whole_again_sealing_goes_on(self, seals: Path) -> None:
        actor, other = self.sealed_actor(seals), an_agent()
        with connect(autocommit=True) as session:
            root = tree_of(session, actor.tenant_id)[1]
        change = "UPDATE stateward_audit_tree SET root = %s WHERE tenant_id = %s"
        assert self.break_and_seal(seals, actor, change, b"\x00" * 32, actor.tenant_id)
        write_records(actor, 3)
        write_records(other, 2)
        seal(seals)

        with connect(autocommit=True) as session:
            assert tree_of(session, actor.tenant_id)[0] == 6
            assert tree_of(session, other.tenant_id) is not None
            session.execute(change, (root, actor.tenant_id))
            with watching(seals) as watch:
                watch.seal()
                watch.tick()
            size, root, alarm = tree_of(session, actor.tenant_id)
            assert (size, alarm) == (10, None)
            assert root == subtree_root(leaves_of(session, actor.tenant_id))


class TestSealingKey:
    def test_another_root_key_is_refused(self, seals: Path, settings: Any) -> None:
        seal(seals)
        settings.ROOT_KEY = b"another" * 4 + b"...."

        with connect("SEQUENCER") as session, pytest.raises(SealingKeyUnusable, match="root key"):
            drive(session, sealing_key())

    def test_a_lost_key_is_not_replaced(self, seals: Path) -> None:
        write_records(an_agent(), 1)
        seal(seals)

        with connect() as session:
            session.execute("DELETE FROM stateward_audit_key")
            with pytest.raises(SealingKeyUnusable, match="gone"):
                drive(session, sealing_key(may_create=True))
            with pytest.raises(SealingKeyUnusable, match="no sealing key yet"):
                drive(session, sealing_key())
            session.rollback()

    def test_the_application_sees_no_tree_but_its_tenant_own(self, seals: Path) -> None:
        actor = an_agent()
        write_records(actor, 1)
        seal(seals)

        with psycopg.connect(os.environ["STATEWARD_DATABASE_URL"]) as session:
            for table in ("tree", "tile", "batch", "checkpoint"):
                count = f"SELECT count(*) FROM stateward_audit_{table}"
                assert session.execute(count).fetchone() == (0,)
