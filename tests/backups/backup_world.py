"""A tenant with something of everything, its archive, and what stands in a tenant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from stateward.kernel.ids import uuid7
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.reading import Archive, open_archive
from stateward.operations.backups.restoring import Report, restore
from stateward.operations.backups.stores.folder import FolderStore
from stateward.operations.backups.writing import Written, write_archive
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import World, make_world
from tests.factories.tenants import make_member

ADDRESS = "stateward.operations.backups"


def quiet(done: int, total: int, stage: str) -> None:
    pass


@dataclass(frozen=True)
class Made:
    """An archive of a tenant, in a folder."""

    store: FolderStore
    name: str
    written: Written

    @property
    def path(self) -> Path:
        return Path(self.store.where(self.name))

    def open(self) -> Archive:
        return open_archive(self.store, self.name)


def filled_world() -> World:
    """An agent, a member, two namespaces, entries with history, one deleted, one expiring."""
    world = make_world(classification="confidential", labels={"team": "support"})
    make_member(world.tenant, "owner")
    for number in range(5):
        world.put(f"case-{number}", {"n": number, "text": "größe 🚆"})
    world.put("case-1", {"n": 1, "text": "changed"})
    world.delete("case-2")
    other = world.another(scope="agent")
    other.put("pinned", "a plain text", ttl_seconds=3600)
    return world


def back_up(tenant_id: UUID, folder: Path, name: str = "an-archive") -> Made:
    store = FolderStore(folder)
    return Made(store, name, write_archive(store, name, uuid7(), tenant_id, quiet))


def restored(made: Made, slug: str | None = None) -> Report:
    slug = slug or f"r-{uuid7()}"
    archive = made.open()
    archive.check()
    with connected(address_of("default")) as ours:
        return restore(ours, archive, slug, quiet, by="a test")


def rows(tenant_id: UUID, sql: str) -> list[tuple[Any, ...]]:
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def tenant_of(slug: str) -> Tenant:
    return Tenant.objects.get(slug=slug)
