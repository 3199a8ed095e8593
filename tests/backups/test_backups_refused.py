"""Archives that are not what was written: refused before anything is, by the name of the part."""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from stateward.kernel.errors import NotFound
from stateward.kernel.ids import uuid7
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.models import Backup
from stateward.operations.backups.planning import plan_restore
from stateward.operations.backups.reading import open_archive
from stateward.operations.backups.services import ask_for_restore, plan
from stateward.operations.backups.signing import sign
from stateward.operations.backups.stores.folder import FolderStore
from stateward.tenancy.actors import Actor
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.backups.backup_world import Made, back_up, filled_world
from tests.factories.api import new_tenant
from tests.factories.state import CALL
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")

KINDS = ("keys.json", "people.part", "stateward_entry.part", "stateward_audit_record.part")


@pytest.fixture(scope="module")
def original(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    with django_db_blocker.unblock():
        world = filled_world()
        return back_up(world.tenant.id, tmp_path_factory.mktemp("archives"))


@pytest.fixture
def made(original: Made, tmp_path: Path) -> Made:
    """A copy that may be spoilt."""
    store = FolderStore(tmp_path / "archives")
    shutil.copytree(original.path, Path(store.where(original.name)))
    return Made(store, original.name, original.written)


def refused(made: Made) -> ArchiveRefused:
    """The refusal; and nothing was written."""
    slug = f"r-{uuid7()}"
    with (
        pytest.raises(ArchiveRefused) as caught,
        connected(address_of("default")) as ours,
    ):
        plan_restore(ours, open_archive(made.store, made.name), slug, is_thorough=True)
    assert not Tenant.objects.filter(slug=slug).exists()
    return caught.value


def sign_anew(made: Made, change: Callable[[dict[str, Any]], None]) -> None:
    """What only the holder of the root key can do: another manifest, with a good signature."""
    path = made.path / "manifest.json"
    content = orjson.loads(path.read_bytes())
    del content["signature"]
    change(content)
    data = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    content["signature"] = b64encode(sign(data)).decode()
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


def test_the_untouched_copy_is_not_refused(made: Made) -> None:
    with connected(address_of("default")) as ours:
        found = plan_restore(
            ours, open_archive(made.store, made.name), "a-new-one", is_thorough=True
        )

    assert found.entries == 5
    assert dict(found.writes)["entries"] == 6  # the deleted one keeps its row


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, -1], ids=["first", "last"])
def test_a_changed_byte(made: Made, kind: str, at: int) -> None:
    path = made.path / kind
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)

    assert refused(made).part == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_part(made: Made, kind: str) -> None:
    (made.path / kind).unlink()

    assert refused(made).part == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_cut_short(made: Made, kind: str) -> None:
    path = made.path / kind
    path.write_bytes(path.read_bytes()[:-10])

    assert refused(made).part == kind


def test_an_extra_file(made: Made) -> None:
    (made.path / "more.part").write_bytes(b"")

    assert refused(made).part == "more.part"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"entries":5', b'"entries":6'),
        lambda text: text[:-20],
        lambda text: b"[]",
        lambda text: b"\xff",
        lambda text: text.replace(b'"signature":"', b'"signature":"!'),
        lambda text: text.replace(b'"entries":5', b'"entries":' + b"9" * 40),
    ],
    ids=["edited", "cut", "list", "bytes", "signature", "number"],
)
def test_a_changed_manifest(made: Made, change: Callable[[bytes], bytes]) -> None:
    path = made.path / "manifest.json"
    path.write_bytes(change(path.read_bytes()))

    assert refused(made).part == "manifest.json"


def test_no_manifest(made: Made) -> None:
    (made.path / "manifest.json").unlink()

    assert refused(made).part == "manifest.json"


@pytest.mark.parametrize(("form", "word"), [(0, "older"), (2, "newer")])
def test_another_format(made: Made, form: int, word: str) -> None:
    sign_anew(made, lambda content: content.update(format=form))

    error = refused(made)
    assert error.part == "manifest.json"
    assert word in error.detail
    assert "reads format 1" in error.detail


def test_another_installation(made: Made, settings: Any) -> None:
    settings.ROOT_KEY = bytes(32)

    error = refused(made)
    assert error.part == "manifest.json"
    assert "another root key" in error.detail


def test_keys_of_another_archive(made: Made, tmp_path: Path) -> None:
    other = back_up(filled_world().tenant.id, tmp_path / "other")
    data = (other.path / "keys.json").read_bytes()
    (made.path / "keys.json").write_bytes(data)

    def change(content: dict[str, Any]) -> None:
        part = next(part for part in content["parts"] if part["name"] == "keys.json")
        part.update(bytes=len(data), sha256=sha256(data).hexdigest())

    sign_anew(made, change)

    assert refused(made).part == "keys.json"


@pytest.mark.parametrize(
    "name", ["../people.part", "/etc/passwd", "a/b.part", "manifest.json", "UPPER.part", ""]
)
def test_a_name_that_leads_elsewhere(made: Made, name: str) -> None:
    sign_anew(made, lambda content: content["parts"][1].update(name=name))

    assert "not the name of a part" in refused(made).detail


@pytest.mark.parametrize("kind", ["people.part", "manifest.json"])
@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_what_is_not_a_file(made: Made, kind: str, what: str, tmp_path: Path) -> None:
    path = made.path / kind
    outside = tmp_path / "outside"
    path.rename(outside)
    if what == "link":
        path.symlink_to(outside)
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    error = refused(made)
    assert error.part == kind
    assert "not a file" in error.detail


def test_a_device(made: Made) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    path = made.path / "people.part"
    path.unlink()
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))

    assert refused(made).part == "people.part"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"table": "stateward_unknown"}, "no such table"),
        ({"columns": [["id", "bigint"]]}, "is not so here"),
        ({"columns": [["id", "uuid"]]}, "lacks the column"),
    ],
    ids=["table", "type", "column"],
)
def test_a_schema_that_does_not_fit(made: Made, change: dict[str, Any], why: str) -> None:
    def edit(content: dict[str, Any]) -> None:
        part = next(p for p in content["parts"] if p["name"] == "stateward_agent.part")
        part.update(change)

    sign_anew(made, edit)

    error = refused(made)
    assert error.part == "stateward_agent.part"
    assert why in error.detail


def owner_of(tenant: Tenant) -> Actor:
    member = make_member(tenant, "owner")
    return Actor("member", member.id, "An owner", tenant.id, tenant.slug, ("owner",))


def backup_row(tenant: Tenant, made: Made, **fields: Any) -> Backup:
    manifest = made.written.manifest
    with tenant_scope(tenant.id):
        return Backup.objects.create(
            tenant=tenant,
            **{"id": manifest.archive, "state": "done", "taken_at": manifest.taken_at, **fields},
            store=made.store.address,
            name=made.name,
        )


def test_another_tenants_archive_is_as_good_as_none(made: Made) -> None:
    """Its id, and even a row of one's own that points at it."""
    theirs = Tenant.objects.get(id=made.written.manifest.tenant_id)
    backup_row(theirs, made)
    ours = new_tenant()
    actor = owner_of(ours)
    own = backup_row(ours, made, id=uuid7())

    said = []
    for backup_id in (made.written.manifest.archive, own.id, uuid7()):
        with tenant_scope(ours.id), pytest.raises(NotFound) as caught:
            plan(actor, CALL, backup_id, "a-new-one")
        said.append((type(caught.value), caught.value.detail))
        with tenant_scope(ours.id), pytest.raises(NotFound):
            ask_for_restore(actor, CALL, backup_id, into="a-new-one", confirm="a-new-one")

    assert len(set(said)) == 1
    assert theirs.slug not in str(said)
    with tenant_scope(theirs.id):
        Backup.objects.filter(id=made.written.manifest.archive).delete()
