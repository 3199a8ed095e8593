"""A tenant of 100,000 entries: backed up while writes go on, restored, every value equal."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from stateward.gate.keys.load import load_keys, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.kernel.ids import uuid7
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.reading import open_archive
from stateward.operations.backups.restoring import restore
from stateward.operations.backups.stores.folder import FolderStore
from stateward.operations.backups.writing import write_archive
from stateward.state.models import Namespace
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.backups.backup_world import quiet, tenant_of
from tests.factories.state import World, make_world

ENTRIES = 100_000
COLUMNS = (
    "tenant_id, namespace_id, key, version, is_alive, value, write_id, value_hash, size_bytes,"
    " labels, created_at, updated_at, actor_type, actor_id, actor_name"
)
TYPES = (
    *("uuid", "uuid", "text", "int8", "bool", "bytea", "uuid", "bytea", "int4", "jsonb"),
    *("timestamptz", "timestamptz", "text", "uuid", "text"),
)
REVISIONS = """
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation, value,
    value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, updated_at, write_id, namespace_id, key, version, 'put', value, value_hash,
    size_bytes, labels, created_at, actor_type, actor_id, actor_name
FROM stateward_entry WHERE tenant_id = %s
"""

pytestmark = pytest.mark.usefixtures("database")


def fill(world: World) -> None:
    """Entries with their revisions, as writes would have left them."""
    ring = ring_of(world.tenant.id, world.namespace.id)
    chance = random.Random(7)
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as superuser:
        moment = superuser.execute("SELECT now()").fetchone()
        with (
            superuser.cursor() as cursor,
            cursor.copy(f"COPY stateward_entry ({COLUMNS}) FROM STDIN (FORMAT binary)") as copy,
        ):
            copy.set_types(TYPES)
            for number in range(ENTRIES):
                key, plain = f"case/{number:06}".replace("/", "-"), value_of(number, chance)
                sealed = ring.seal(world.namespace.id, key, "value", plain)
                copy.write_row(
                    (
                        world.tenant.id, world.namespace.id, key, 1, True, sealed.data,
                        sealed.write_id, ring.value_hash(plain), len(plain),
                        psycopg.types.json.Jsonb({}), moment[0], moment[0],
                        "agent", world.agent.id, world.agent.name,
                    )
                )  # fmt: skip
        superuser.execute(REVISIONS, (world.tenant.id,))


def value_of(number: int, chance: random.Random) -> bytes:
    return b'{"n":%d,"text":"%s"}' % (number, chance.randbytes(40).hex().encode())


def ring_of(tenant_id: UUID, namespace_id: UUID) -> KeyRing:
    with tenant_scope(tenant_id):
        ring = run_flow(load_keys(tenant_id))
        run_flow(load_namespace_keys(ring, namespace_id))
    return ring


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
    fill(world)
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
