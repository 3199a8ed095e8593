"""kill -9 at each step of backup, restore and drill: nothing half-made is ever taken for whole.

A worker is a forked process that kills itself; another then takes the run over, as workers do.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.backups import keeping, scratch, working
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.backups.queries import last_drill, last_good_backup, last_passed_drill
from stateward.operations.backups.services import CREATE, DRILL, RESTORE
from stateward.operations.backups.stores.folder import FolderStore, FolderWriting
from stateward.operations.jobs import carrying
from stateward.operations.jobs.registry import jobs
from stateward.operations.jobs.running import Run
from stateward.operations.jobs.services import run_here, start
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.backups.backup_world import filled_world, rows
from tests.factories.state import World

pytestmark = pytest.mark.usefixtures("database")


def carry_out(run_id: UUID) -> bool:
    return carrying.carry_out(run_id, jobs().__getitem__)


def die(*arguments: Any, **named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(run_id: UUID, prepare: Callable[[], None]) -> None:
    """A worker that carries the run out until what ``prepare`` laid for it kills it."""
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            carry_out(run_id)
        finally:
            os._exit(1)  # it should not have come here
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the worker was not killed where the test means it to be"
    assert os.WTERMSIG(status) == signal.SIGKILL


def at_stage(stage: str) -> Callable[[], None]:
    def prepare() -> None:
        before = Run.progress

        def progress(run: Run, done: int, total: int | None = None, word: str = "") -> None:
            if word == stage:
                die()
            before(run, done, total, word)

        Run.progress = progress  # type: ignore[method-assign]

    return prepare


def instead_of(owner: Any, name: str) -> Callable[[], None]:
    return lambda: setattr(owner, name, die)


def after(owner: Any, name: str) -> Callable[[], None]:
    def prepare() -> None:
        before = getattr(owner, name)

        def wrapped(*arguments: Any, **named: Any) -> None:
            before(*arguments, **named)
            die()

        setattr(owner, name, wrapped)

    return prepare


BACKUP_STEPS = {
    "before": instead_of(working, "write_archive"),
    "keys": at_stage("keys"),
    "people": at_stage("people"),
    "agents": at_stage("agents"),
    "revisions": at_stage("revisions"),
    "manifest": instead_of(FolderWriting, "commit"),
    "renamed": after(FolderWriting, "commit"),
    "expiry": instead_of(working, "expire"),
}


@pytest.mark.parametrize("step", BACKUP_STEPS)
def test_a_killed_backup_is_never_offered_and_its_space_comes_back(
    step: str, tmp_path: Path
) -> None:
    world = filled_world()
    tenant_id = world.tenant.id
    run_id = start(CREATE, tenant_id=tenant_id, params={"to": str(tmp_path / "store")})

    killed(run_id, BACKUP_STEPS[step])

    with tenant_scope(tenant_id):
        offered = last_good_backup(tenant_id)
    assert (offered is not None) == (step == "expiry")  # by then it is whole, and on record

    assert carry_out(run_id)
    with tenant_scope(tenant_id):
        states = sorted(Backup.objects.values_list("state", "error"))
        good = last_good_backup(tenant_id)
    assert good is not None
    if step != "expiry":
        assert states == [("done", ""), ("failed", "its worker was killed")]
        assert [path.name for path in (tmp_path / "store").iterdir()] == [good.name]


@pytest.fixture(scope="module")
def source(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A finished backup; its tenant is in ``world_of``."""
    with django_db_blocker.unblock():
        world = filled_world()
        to = str(tmp_path_factory.mktemp("source"))
        run_here(CREATE, tenant_id=world.tenant.id, params={"to": to})
        with tenant_scope(world.tenant.id):
            found = last_good_backup(world.tenant.id)
    assert found is not None
    return found


def ask(source: Backup, slug: str) -> UUID:
    with tenant_scope(source.tenant_id):
        asked = Restore.objects.create(
            tenant_id=source.tenant_id, backup=source, archive=source.name, target=slug
        )
        asked.run_id = start(
            RESTORE,
            tenant_id=source.tenant_id,
            params={"restore": str(asked.id), "archive": source.name, "into": slug},
        )
        asked.save()
    return asked.run_id


RESTORE_STEPS = {
    "check": at_stage("checking the archive"),
    "members": at_stage("members"),
    "entries": at_stage("entries"),
    "revisions": at_stage("revisions"),
    "report": instead_of(working, "_restored"),
}


@pytest.mark.parametrize("step", RESTORE_STEPS)
def test_a_killed_restore_leaves_no_tenant_behind(step: str, source: Backup) -> None:
    slug = f"r-{uuid7()}"
    sql = "SELECT count(*), max(updated_at) FROM stateward_entry"
    before = rows(source.tenant_id, sql)
    run_id = ask(source, slug)

    killed(run_id, RESTORE_STEPS[step])

    assert not Tenant.objects.filter(slug=slug).exists()
    assert rows(source.tenant_id, sql) == before
    with tenant_scope(source.tenant_id):
        assert Restore.objects.get(run_id=run_id).state == "running"

    assert carry_out(run_id)
    with tenant_scope(source.tenant_id):
        asked = Restore.objects.get(run_id=run_id)
    assert asked.state == "done"
    assert asked.report["entries"] == source.entries
    assert Tenant.objects.get(slug=slug).id == asked.target_id


def test_a_restore_that_was_done_when_its_worker_died_is_not_done_twice(source: Backup) -> None:
    slug = f"r-{uuid7()}"
    run_id = ask(source, slug)

    def prepare() -> None:
        before = working.Outcome

        def outcome(result: Any) -> Any:
            if "tenant_id" in result:
                die()
            return before(result)

        working.Outcome = outcome  # type: ignore[misc, assignment]

    killed(run_id, prepare)
    made = Tenant.objects.get(slug=slug)

    assert carry_out(run_id)
    assert Tenant.objects.get(slug=slug).id == made.id
    assert rows(made.id, "SELECT count(*) FROM stateward_namespace") == [(2,)]


def test_a_killed_drill_proved_nothing_and_its_database_goes(source: Backup) -> None:
    tenant_id = source.tenant_id
    run_id = start(DRILL, tenant_id=tenant_id)

    killed(run_id, instead_of(scratch, "_migrate"))

    name = f"{scratch.PREFIX}{run_id.hex}"
    assert name in scratch_databases()
    with tenant_scope(tenant_id):
        drill = last_drill(tenant_id)
        assert drill is not None
        assert drill.state == "running"
        assert last_passed_drill(tenant_id) is None
        keeping.settle(tenant_id, besides=run_id)
        drill.refresh_from_db()
    assert drill.state == "failed"
    assert drill.error == "its worker was killed"

    with connected(address_of("owner"), autocommit=True) as owner:
        scratch._drop_left(owner, {run_id.hex})
        assert name in scratch_databases()  # that run is open still
        scratch._drop_left(owner, set())
    assert name not in scratch_databases()


def scratch_databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {row[0] for row in cursor.fetchall()}


def test_what_others_have_under_way_is_left_alone(tmp_path: Path) -> None:
    world: World = filled_world()
    tenant_id = world.tenant.id
    run_id = start(CREATE, tenant_id=tenant_id)
    with tenant_scope(tenant_id):
        Backup.objects.create(tenant_id=tenant_id, run_id=run_id, store=str(tmp_path), name="x")
        Drill.objects.create(tenant_id=tenant_id, run_id=uuid7())

        assert keeping.settle(tenant_id) == []

        assert Backup.objects.get(tenant_id=tenant_id).state == "running"
        assert Drill.objects.get(tenant_id=tenant_id).state == "failed"
    assert FolderStore(tmp_path).address == str(tmp_path)
