"""The drill restores for real and believes nothing: each damage is found by its own check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from stateward.operations.backups.connecting import address_of
from stateward.operations.backups.queries import last_drill, last_passed_drill
from stateward.operations.backups.scratch import PREFIX
from stateward.operations.backups.services import CREATE, DRILL
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import seal
from tests.backups.backup_world import filled_world, rows
from tests.factories.state import World

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module")
def sealed(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A tenant whose audit was sealed, with a backup of it."""
    with django_db_blocker.unblock():
        world = filled_world()
        seal(Path(settings.HOME) / "seals")
        for number in range(3):
            world.put("after-the-seal", {"n": number})
        run_here(
            CREATE,
            tenant_id=world.tenant.id,
            params={"to": str(tmp_path_factory.mktemp("store"))},
        )
    return world


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
    assert "values are those that the sealed records name" in said["hashes"]
    assert not said["hashes"].startswith("0 of 0")
    assert drill.restore_seconds is not None
    found = rows(
        sealed.tenant.id,
        "SELECT count(*) FROM stateward_audit_record"
        " WHERE convert_from(record, 'UTF8')::jsonb #>> '{details,event}' = 'drill.passed'",
    )
    assert found == [(1,)]
    with psycopg.connect(address_of("owner")) as owner:
        left = owner.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{PREFIX}%",)
        )
        assert left.fetchall() == []
