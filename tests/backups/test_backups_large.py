"""A tenant of 100,000 entries: backed up while writes go on, restored, every value equal."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.reading import open_archive
from stateward.operations.backups.restoring import restore
from stateward.operations.backups.stores.folder import FolderStore
from stateward.operations.backups.writing import write_archive
from stateward.state.entries import Principal
from stateward.state.models import Namespace
from stateward.tenancy.scope import tenant_scope
from tests.backups.backup_world import quiet, tenant_of
from tests.factories.filling import fill, ring_of
from tests.factories.state import World, make_world

ENTRIES = 100_000
pytestmark = pytest.mark.usefixtures("database")


def values(tenant_id: UUID, namespace_id: UUID, until: str) -> dict[str, bytes]:
    """Every value, opened."""
    ring = ring_of(tenant_id, namespace_id)
    found = {}
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, write_id, value FROM stateward_entry"
            " WHERE namespace_id = %s AND is_alive AND key < %s",
            (namespace_id, until),
        )
        for key, write_id, value in cursor:
            found[key] = ring.open(namespace_id, key, "value", write_id, bytes(value))
    return found


class Writer(threading.Thread):
    """Writes until told to stop, as an agent would."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.stopping, self.written = world, threading.Event(), 0

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.world.put(f"live-{self.written}", {"n": self.written})
                self.written += 1
        finally:
            connection.close()


def test_every_value_of_a_large_tenant_comes_back_while_writes_go_on(tmp_path: Path) -> None:
    world = make_world()
    by = Principal("agent", world.agent.id, world.agent.name)
    fill(world.tenant.id, world.namespace.id, by, ENTRIES)
    store, slug = FolderStore(tmp_path), f"r-{uuid7()}"
    writer = Writer(world)
    writer.start()
    try:
        began = time.monotonic()
        written = write_archive(store, "large", uuid7(), world.tenant.id, quiet)
        backup_seconds = time.monotonic() - began
        during = writer.written
    finally:
        writer.stopping.set()
        writer.join()
    assert during > 5  # writes were let through
    assert ENTRIES <= written.manifest.entries <= ENTRIES + during

    began = time.monotonic()
    archive = open_archive(store, "large")
    archive.check()
    with connected(address_of("default")) as ours:
        report = restore(ours, archive, slug, quiet, by="a test")
    restore_seconds = time.monotonic() - began

    assert report.entries == written.manifest.entries
    assert report.rows["revisions"] == written.manifest.tables["stateward_revision"].rows
    tenant = tenant_of(slug)
    with tenant_scope(tenant.id):
        namespace = Namespace.objects.get(tenant=tenant, name=world.namespace.name)
    before = values(world.tenant.id, world.namespace.id, "live")
    after = values(tenant.id, namespace.id, "live")
    assert len(after) == ENTRIES
    assert before == after
    print(f"backup {backup_seconds:.1f} s, restore {restore_seconds:.1f} s, {written.bytes} bytes")
