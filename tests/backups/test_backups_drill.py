"""The drill restores for real and believes nothing: each damage is found by its own check."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured

from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.backups import proving
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.exceptions import DrillImpossible, NothingToRestore
from stateward.operations.backups.models import Drill
from stateward.operations.backups.proving import Findings, prove
from stateward.operations.backups.queries import (
    last_drill,
    last_good_backup,
    last_passed_drill,
)
from stateward.operations.backups.restoring import restore
from stateward.operations.backups.scratch import PREFIX, scratch_database
from stateward.operations.backups.services import CREATE, DRILL, open_own
from stateward.operations.jobs import carrying
from stateward.operations.jobs.inserting import insert
from stateward.operations.jobs.registry import jobs
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import seal
from tests.backups.backup_world import filled_world, quiet, rows
from tests.factories.state import World

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module")
def sealed(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A tenant whose audit was sealed, with a backup of it."""
    with django_db_blocker.unblock():
        world = filled_world()
        seal(Path(configured.HOME) / "seals")
        for number in range(3):
            world.put("after-the-seal", {"n": number})
        run_here(
            CREATE,
            tenant_id=world.tenant.id,
            params={"to": str(tmp_path_factory.mktemp("store"))},
        )
    return world


@pytest.fixture
def scratch_role(settings: Any) -> None:
    """As in production: a role of its own, without a right in the real database."""
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as superuser:
        superuser.execute("DROP ROLE IF EXISTS stateward_scratch")
        superuser.execute("CREATE ROLE stateward_scratch LOGIN CREATEDB PASSWORD 'test'")
    settings.SCRATCH_DATABASE = settings.DATABASES["owner"] | {"USER": "stateward_scratch"}


@pytest.mark.usefixtures("scratch_role")
def test_a_good_backup_passes_and_says_what_was_compared(sealed: World) -> None:
    outcome = run_here(DRILL, tenant_id=sealed.tenant.id)

    assert outcome.result["passed"]
    assert not outcome.has_findings
    with tenant_scope(sealed.tenant.id):
        drill = last_drill(sealed.tenant.id)
        assert drill == last_passed_drill(sealed.tenant.id)
    assert drill is not None
    assert {check["name"] for check in drill.checks} == {
        "rows", "entries", "root", "signature", "records", "values", "hashes",
    }  # fmt: skip
    said = {check["name"]: check["said"] for check in drill.checks}
    assert said["records"].startswith("each of ")
    assert said["values"] == "6 of 6 values opened"
    assert "values are those that the audit records name" in said["hashes"]
    assert not said["hashes"].startswith("0 of 0")
    assert drill.restore_seconds is not None
    found = rows(
        sealed.tenant.id,
        "SELECT count(*) FROM stateward_audit_record"
        " WHERE convert_from(record, 'UTF8')::jsonb #>> '{details,event}' = 'drill.passed'",
    )
    assert found == [(1,)]
    with psycopg.connect(address_of("owner")) as owner:
        sql = "SELECT datname FROM pg_database WHERE datname LIKE %s"
        assert owner.execute(sql, (f"{PREFIX}%",)).fetchall() == []


LOSE = "DELETE FROM stateward_audit_record WHERE resource_type = 'entry' AND tenant_id = %s"
CHANGE = (
    "UPDATE stateward_audit_record SET record = record || ' '::bytea"
    " WHERE resource_type = 'entry' AND tenant_id = %s"
)
BEND = (
    "UPDATE stateward_audit_tile SET hashes = overlay(hashes PLACING '\\x00'::bytea FROM 5)"
    " WHERE level = 0 AND tenant_id = %s"
)
SWAP = (
    "UPDATE stateward_audit_record SET payload = jsonb_set(payload, '{key}', '\"case-0\"')"
    " WHERE resource_type = 'entry' AND tenant_id = %s"
)
SPOIL = "UPDATE stateward_entry SET value = value || '\\x00'::bytea WHERE tenant_id = %s"
DROP = "DELETE FROM stateward_entry WHERE key = 'case-0' AND tenant_id = %s"


def test_each_damage_is_found_by_its_own_check(sealed: World) -> None:
    """One scratch database for all of them: each is undone again."""
    with tenant_scope(sealed.tenant.id):
        backup = last_good_backup(sealed.tenant.id)
        assert backup is not None
        archive = open_own(backup)
    with scratch_database(uuid7(), set()) as name:
        with connected(address_of("default", name=name)) as ours:
            report = restore(ours, archive, "drill", quiet, by="a test")
        with (
            connected(address_of("default", name=name)) as ours,
            connected(address_of("scratch", name=name)) as owner,
        ):
            assert prove(ours, owner, archive, report).passed
            source, target = archive.manifest.tenant_id, report.tenant_id

            def failed(connection: Any, damage: str, tenant_id: Any) -> set[str]:
                findings = Findings()
                with (
                    owner.transaction(force_rollback=True),
                    ours.transaction(force_rollback=True),
                ):
                    assert connection.execute(damage, (tenant_id,)).rowcount > 0
                    proving._counts(ours, archive, report, findings)
                    owner.execute("DROP TABLE IF EXISTS stateward_drill_leaf")
                    proving._tree(owner, archive, findings)
                    proving._sample(ours, owner, archive, report, findings)
                return {check["name"] for check in findings.checks if not check["passed"]}

            assert failed(owner, LOSE, source) == {"records"}
            assert "records" in failed(owner, CHANGE, source)
            assert "root" in failed(owner, BEND, source)
            assert failed(owner, SWAP, source) == {"hashes"}
            assert "values" in failed(ours, SPOIL, target)
            assert "rows" in failed(ours, DROP, target)
            assert archive.manifest.checkpoint is not None
            archive.manifest = replace(
                archive.manifest, checkpoint={**archive.manifest.checkpoint, "size": 1}
            )
            assert failed(ours, "SELECT %s::uuid", target) >= {"root", "signature"}


def test_a_drill_of_a_spoilt_archive_fails_and_says_which_part(tmp_path: Path) -> None:
    world = filled_world()
    run_here(CREATE, tenant_id=world.tenant.id, params={"to": str(tmp_path)})
    spoilt = next(tmp_path.glob("*/stateward_entry.part"))
    spoilt.write_bytes(spoilt.read_bytes() + b"x")

    outcome = run_here(DRILL, tenant_id=world.tenant.id)

    assert outcome.has_findings
    assert outcome.result["checks"] == {"archive": False}
    with tenant_scope(world.tenant.id):
        drill = Drill.objects.get(tenant=world.tenant)
    assert drill.state == "failed"
    assert "stateward_entry.part" in drill.error


def test_without_a_backup_there_is_nothing_to_try() -> None:
    world = filled_world()

    with pytest.raises(NothingToRestore):
        run_here(DRILL, tenant_id=world.tenant.id)

    with tenant_scope(world.tenant.id):
        assert Drill.objects.get(tenant=world.tenant).state == "failed"


def test_a_role_that_may_make_no_database_is_told(sealed: World, settings: Any) -> None:
    settings.SCRATCH_DATABASE = settings.DATABASES["default"]

    with pytest.raises(DrillImpossible, match="STATEWARD_SCRATCH_DATABASE_URL"):
        run_here(DRILL, tenant_id=sealed.tenant.id)


def test_the_timetables_first_drill_waits_for_a_first_backup() -> None:
    world = filled_world()
    with tenant_scope(world.tenant.id):
        run_id = insert(DRILL, world.tenant.id, slot=now())

    assert carrying.carry_out(run_id, jobs().__getitem__)

    with tenant_scope(world.tenant.id):
        assert not Drill.objects.exists()  # and so no drill has passed, which compliance sees
