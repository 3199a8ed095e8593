"""Backups over REST and from the command line: who may, what is answered, what is on record."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance.people.services.tenants import close_tenant
from stateward.kernel.ids import uuid7
from stateward.operations.backups.models import Backup, Drill, Restore
from stateward.operations.backups.services import CREATE, RESTORE
from stateward.operations.jobs import carrying
from stateward.operations.jobs.registry import jobs
from stateward.operations.jobs.services import run_here, start
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.backups.backup_world import filled_world, rows
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.state import CALL, World
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def world(tmp_path: Path, settings: Any) -> World:
    settings.BACKUP_TO = str(tmp_path / "store")
    return filled_world()


def api_of(world: World, role: str = "owner") -> Api:
    return Api(make_member(world.tenant, role))


def work(tenant_id: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM stateward_job_open WHERE tenant_id = %s", (tenant_id,))
        waiting = [row[0] for row in cursor.fetchall()]
    assert waiting
    for run_id in waiting:
        carrying.carry_out(run_id, jobs().__getitem__)


def made(world: World, owner: Api) -> dict[str, Any]:
    assert owner("POST", "/backups").status_code == 202
    work(world.tenant.id)
    found: dict[str, Any] = owner("GET", "/backups").json()["items"][0]
    return found


def test_a_backup_is_made_planned_and_restored(world: World) -> None:
    owner = api_of(world)
    answer = owner("POST", "/backups")
    assert answer["Location"] == f"/api/v1/jobs/{answer.json()['run_id']}"
    work(world.tenant.id)
    backup = owner("GET", "/backups").json()["items"][0]
    assert backup == owner("GET", f"/backups/{backup['id']}").json()
    assert (backup["state"], backup["entries"]) == ("done", 5)
    assert backup["key_id"] == owner("GET", "/backups/key").json()["key_id"]

    slug = f"r-{uuid7()}"
    plan = owner("GET", f"/backups/{backup['id']}/plan?into={slug}").json()
    assert (plan["is_new"], plan["entries"], plan["writes"]["revisions"]) == (True, 5, 8)
    assert not Tenant.objects.filter(slug=slug).exists()
    wish = {"into": slug, "confirm": slug}
    asked = owner("POST", f"/backups/{backup['id']}/restores", wish)
    assert asked.status_code == 202
    work(world.tenant.id)

    restore = owner("GET", asked["Location"].removeprefix("/api/v1")).json()
    assert restore["state"] == "done"
    assert restore["report"]["entries"] == 5
    assert restore["target_id"] == str(Tenant.objects.get(slug=slug).id)
    assert owner("GET", "/backups/restores").json()["items"] == [restore]
    events = [event for _, event, _ in audit_events(world.tenant.id) if event]
    assert events[-3:] == ["backup.asked", "backup.created", "restore.asked"]


def test_who_may_what(world: World) -> None:
    backup = made(world, api_of(world))
    into = {"into": "a-new-one", "confirm": "a-new-one"}
    restores = f"/backups/{backup['id']}/restores"

    admin = api_of(world, "admin")
    assert admin("POST", "/backups").status_code == 202
    assert admin("GET", f"/backups/{backup['id']}").status_code == 200
    assert admin("POST", restores, into).status_code == 403
    assert admin("GET", f"/backups/{backup['id']}/plan?into=a-new-one").status_code == 403
    auditor = api_of(world, "auditor")
    assert auditor("GET", "/backups").status_code == 200
    assert auditor("GET", "/backups/drills").status_code == 200
    assert auditor("POST", "/backups").status_code == 403
    assert auditor("POST", "/backups/drills").status_code == 403
    for nobody in (api_of(world, "viewer"), Api(make_agent(world.tenant, "writer"))):
        assert nobody("GET", "/backups").status_code == 403
        assert nobody("GET", f"/backups/{backup['id']}").status_code == 404
        assert nobody("POST", restores, into).status_code == 404
    scoped = Api(make_member(world.tenant, "owner"), scopes=["backup.read"])
    assert scoped("GET", "/backups").status_code == 200
    assert scoped("POST", restores, into).status_code == 403
    with tenant_scope(world.tenant.id):
        assert not Restore.objects.exists()


def test_another_tenants_backup_is_like_none(world: World) -> None:
    backup = made(world, api_of(world))
    stranger = Api(make_member(new_tenant(), "owner"))
    into = {"into": "a-new-one", "confirm": "a-new-one"}

    for path, body in (
        ("", None),
        ("/plan?into=a-new-one", None),
        ("/restores", into),
    ):
        method = "POST" if body else "GET"
        theirs = stranger(method, f"/backups/{backup['id']}{path}", body)
        nothing = stranger(method, f"/backups/{uuid7()}{path}", body)
        assert theirs.status_code == nothing.status_code == 404
        hidden = {"request_id", "instance"}
        assert {k: v for k, v in theirs.json().items() if k not in hidden} == {
            k: v for k, v in nothing.json().items() if k not in hidden
        }
    assert stranger("GET", "/backups").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"into": "a-new-one", "confirm": "another"}, 422),
        ({"into": "Not A Slug", "confirm": "Not A Slug"}, 422),
        ({"into": "../x", "confirm": "../x"}, 422),
        ({"into": "a-new-one"}, 422),
        ({"into": "a-new-one", "confirm": "a-new-one", "store": "/etc"}, 400),
        ({"into": "a-new-one", "confirm": "a-new-one", "tenant_id": str(uuid7())}, 400),
    ],
    ids=["confirm", "slug", "path", "missing", "store", "tenant"],
)
def test_wishes_that_are_refused(world: World, body: dict[str, str], status: int) -> None:
    owner = api_of(world)
    backup = made(world, owner)

    answer = owner("POST", f"/backups/{backup['id']}/restores", body)

    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_what_is_there_is_never_written_over(world: World) -> None:
    owner = api_of(world)
    backup = made(world, owner)
    other = new_tenant()

    for slug, code in ((world.tenant.slug, "tenant_not_empty"), (other.slug, "slug_taken")):
        answer = owner("GET", f"/backups/{backup['id']}/plan?into={slug}")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert owner("GET", f"/backups/{backup['id']}/plan").status_code == 400
    assert owner("POST", "/backups", {"to": "/tmp"}).status_code == 400
    assert owner("POST", "/backups/drills", {"x": 1}).status_code == 400


def test_drills_are_asked_for_once_there_is_a_backup(world: World) -> None:
    owner = api_of(world)
    assert owner("POST", "/backups/drills").json()["code"] == "no_backup"
    made(world, owner)

    assert owner("POST", "/backups/drills").status_code == 202

    with tenant_scope(world.tenant.id):
        drill = Drill.objects.create(tenant=world.tenant, state="passed")
    assert owner("GET", f"/backups/drills/{drill.id}").json()["state"] == "passed"
    assert owner("GET", "/backups/drills").json()["items"][0]["id"] == str(drill.id)
    assert owner("GET", f"/backups/drills/{uuid7()}").status_code == 404
    assert owner("GET", f"/backups/restores/{uuid7()}").status_code == 404


def test_a_restore_that_is_only_tried_again_as_a_job_is_refused(world: World) -> None:
    """Whoever may repeat jobs may not for that reason restore."""
    owner = api_of(world)
    backup = made(world, owner)
    slug = f"r-{uuid7()}"
    owner("POST", f"/backups/{backup['id']}/restores", {"into": slug, "confirm": slug})
    with tenant_scope(world.tenant.id):
        asked = Restore.objects.get()
        params = {"restore": str(asked.id), "archive": asked.archive, "into": slug}
        again = start(RESTORE, tenant_id=world.tenant.id, params=params)

    carrying.carry_out(again, jobs().__getitem__)

    assert not Tenant.objects.filter(slug=slug).exists()


def test_old_backups_go_by_number_and_age(world: World, settings: Any) -> None:
    settings.BACKUP_KEEP = 2
    for _ in range(3):
        run_here(CREATE, tenant_id=world.tenant.id)
    with tenant_scope(world.tenant.id):
        states = list(Backup.objects.order_by("id").values_list("state", flat=True))
        old = Backup.objects.order_by("id")[1]
        old.taken_at = "2020-01-01T00:00:00Z"
        old.save()
    assert states == ["expired", "done", "done"]
    assert len(list(Path(settings.BACKUP_TO).iterdir())) == 2

    settings.BACKUP_KEEP = 14
    run_here(CREATE, tenant_id=world.tenant.id, params={"keep": True})

    with tenant_scope(world.tenant.id):
        states = list(Backup.objects.order_by("id").values_list("state", flat=True))
    assert states == ["expired", "expired", "done", "done"]


def command(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return answer


def test_the_commands_make_plan_and_restore(world: World, tmp_path: Path) -> None:
    made = command("backup", "create", "--tenant", world.tenant.slug, "--to", str(tmp_path))
    assert made["entries"] == 5
    assert made["bytes"] == sum(path.stat().st_size for path in Path(made["archive"]).iterdir())
    slug = f"r-{uuid7()}"

    plan = command("backup", "restore", made["archive"], "--into", slug, "--plan")
    assert (plan["entries"], plan["bytes"], plan["is_new"]) == (5, made["bytes"], True)
    assert not Tenant.objects.filter(slug=slug).exists()
    done = command("backup", "restore", made["archive"], "--into", slug)
    assert (done["tenant"], done["entries"], done["bytes"]) == (slug, 5, made["bytes"])
    assert rows(Tenant.objects.get(slug=slug).id, "SELECT count(*) FROM stateward_revision") == [
        (8,)
    ]

    for wrong in (
        ("backup", "restore", made["archive"], "--into", slug),
        ("backup", "restore", str(tmp_path / "nothing"), "--into", "a-new-one"),
        ("backup", "restore", made["archive"], "--into", "Not a slug"),
        ("backup", "create", "--tenant", "nobody", "--to", str(tmp_path)),
    ):
        with pytest.raises(CommandError) as caught:
            command(*wrong)
        assert caught.value.returncode == 1
    assert len(command("backup", "key")["ed25519"]) == 64


def test_a_tenant_deleted_for_good_comes_back_from_its_archive(
    world: World, tmp_path: Path
) -> None:
    """The whole way: all rows are gone, the archive and the root key are left."""
    slug = world.tenant.slug
    archive = command("backup", "create", "--tenant", slug, "--to", str(tmp_path))["archive"]
    erase(world.tenant)
    assert not Tenant.objects.filter(slug=slug).exists()

    done = command("backup", "restore", archive, "--into", slug)

    assert done["entries"] == 5
    tenant = Tenant.objects.get(slug=slug)
    assert tenant.id != world.tenant.id
    assert rows(tenant.id, "SELECT count(*) FROM stateward_entry WHERE is_alive") == [(5,)]


def test_a_tenant_that_is_closed_is_exported_first(world: World) -> None:
    member = make_member(world.tenant, "owner")
    actor = Actor("member", member.id, "Ann", world.tenant.id, world.tenant.slug, ("owner",))
    with tenant_scope(world.tenant.id):
        close_tenant(actor=actor, call=CALL, reason="the contract ended")

    work(world.tenant.id)

    with tenant_scope(world.tenant.id):
        export = Backup.objects.get()
    assert (export.state, export.entries, export.is_kept) == ("done", 5, True)


def erase(tenant: Tenant) -> None:
    """As two people and a grace would."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE stateward_tenant SET status = 'closed' WHERE id = %s", (tenant.id,))
        cursor.execute(
            "INSERT INTO stateward_closure (tenant_id, reason, closed_by, closed_at, delete_after,"
            " asked_by, approved_by) VALUES (%s, '', %s, now(), now() - interval '1 s', %s, %s)",
            (tenant.id, uuid7(), uuid7(), uuid7()),
        )
    gone = 1
    while gone:
        with connection.cursor() as cursor:
            cursor.execute("SELECT stateward_purge_tenant(%s, 5000)", (tenant.id,))
            gone = cursor.fetchone()[0]
