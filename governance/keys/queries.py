"""Custody: what stands under each key, what is lost with it, and how it came to be as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from governance.keys.acts import key_of
from governance.keys.models import KeyDestruction
from governance.keys.services import find_version
from governance.keys.usage import Noted, noted_counts
from stateward.gate.keys.counting import ROTATE_AT
from stateward.gate.keys.framing import IDENTITY_BEGIN, IDENTITY_END
from stateward.gate.keys.ledger import Signed, read_ledger
from stateward.gate.keys.root import root_key
from stateward.gate.keys.subjects import find_subject_rule
from stateward.gate.keys.versions import KeyVersion, namespace_versions
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.flow import Statement
from stateward.operations.backups.models import Backup
from stateward.state.models import Namespace
from stateward.state.services.namespaces import find_namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import execute, run_flow, tenant_scope

SUBJECTS = """
SELECT count(DISTINCT id) FILTER (WHERE state <> 'destroyed'),
    count(DISTINCT id) FILTER (WHERE state = 'destroyed')
FROM stateward_data_key WHERE tenant_id = %s AND namespace_id = %s AND subject IS NOT NULL
"""
TENANT_KEYS = """
SELECT id, root_key, state, created_at, turned_at FROM stateward_tenant_key
WHERE tenant_id = %s ORDER BY created_at DESC
"""
# What was written while a version sealed was under it; if older values were sealed anew under it,
# so was all that is older. A write that was under way at the turn may have come a moment later.
MARGIN = timedelta(minutes=1)
EXPOSED = f"""
SELECT at, id, key, version, operation, size_bytes, value IS NOT NULL,
    coalesce(substring(value FROM {IDENTITY_BEGIN + 1} FOR {IDENTITY_END - IDENTITY_BEGIN}) = %(name)s, false)
FROM stateward_revision
WHERE tenant_id = %(tenant)s AND namespace_id = %(namespace)s AND (at, id) > (%(at)s, %(id)s)
  AND operation NOT IN ('delete', 'expire', 'purge')
  AND ((at >= %(since)s AND at < %(until)s)
    OR substring(value FROM {IDENTITY_BEGIN + 1} FOR {IDENTITY_END - IDENTITY_BEGIN}) = %(name)s)
ORDER BY at, id LIMIT %(limit)s
"""  # noqa: E501  # one expression
EARLIEST = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NOBODY = UUID(int=0)


class Exposed(NamedTuple):
    """A revision that was under a version, and whether it still is."""

    at: datetime
    id: UUID
    key: str
    version: int
    operation: str
    size_bytes: int
    has_value: bool
    is_still: bool


class TenantKey(NamedTuple):
    """A key that wraps the tenant's data keys."""

    id: UUID
    root_key: str
    state: str
    created_at: datetime
    turned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Custody:
    """A namespace's key: its versions, and what becomes unreadable if it dies."""

    namespace: Namespace
    versions: tuple[KeyVersion, ...]  # newest first
    counts: tuple[Noted, ...]
    backups: int  # kept ones that hold something under it
    waiting: tuple[KeyDestruction, ...] = ()

    @property
    def active(self) -> KeyVersion | None:
        return next((one for one in self.versions if one.state == "active"), None)

    @property
    def state(self) -> str:
        """How the key as a whole stands, in one word."""
        if self.active is None:
            return "destroyed"
        if any(one.state == "decrypt_only" for one in self.versions):
            return "moving"
        return "active"

    @property
    def is_compromised(self) -> bool:
        """Whether something may still be under a version that somebody else has."""
        return any(
            one.is_compromised and one.state not in ("retired", "destroyed")
            for one in self.versions
        )

    @property
    def wear(self) -> float:
        """How much of what it may seal the active version has sealed, in percent."""
        return 100 * self.active.messages / ROTATE_AT if self.active else 0.0

    @property
    def counted_at(self) -> datetime | None:
        return min((one.counted_at for one in self.counts), default=None)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.counts)

    def rows(self, store: str, version: int | None = None) -> int:
        return sum(
            one.rows for one in self.counts if one.store == store and version in (None, one.version)
        )

    def under(self, version: KeyVersion) -> int:
        """Values under one version, when it was last counted."""
        return sum(
            one.rows
            for one in self.counts
            if (one.key_id, one.version) == (version.id, version.version)
        )


def root_fingerprint() -> str:
    return root_key().fingerprint


def tenant_keys(actor: Actor, call: Call) -> list[TenantKey]:
    """The keys that wrap the tenant's data keys, newest first."""
    with tenant_scope(actor.tenant_id):
        permit(actor, call, "key.read", whole_tenant(actor))
        rows = execute(Statement(TENANT_KEYS, (actor.tenant_id,)))
        return [TenantKey(*row) for row in rows]


def custodies(
    actor: Actor, call: Call, *, after: str = "", limit: int = 100
) -> tuple[list[Custody], str | None]:
    """A page of the tenant's namespaces by name, and the name to go on after."""
    with tenant_scope(actor.tenant_id):
        permit(actor, call, "key.read", whole_tenant(actor))
        found = list(
            Namespace.objects.filter(
                tenant_id=actor.tenant_id, deleted_at__isnull=True, name__gt=after
            ).order_by("name")[: limit + 1]
        )
        page = found[:limit]
        return _custodies(actor.tenant_id, page), page[-1].name if len(found) > limit else None


def custody_of(actor: Actor, call: Call, name: str) -> Custody:
    """One namespace's key, whole."""
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        permit(actor, call, "key.read", key_of(namespace))
        return _custodies(actor.tenant_id, [namespace])[0]


def subjects_of(namespace: Namespace) -> tuple[int, int]:
    """How many people have a key of their own in it, and of how many it was destroyed."""
    with tenant_scope(namespace.tenant_id):
        [row] = execute(Statement(SUBJECTS, (namespace.tenant_id, namespace.id)))
        return int(row[0]), int(row[1])


def subject_rule_of(namespace: Namespace) -> str | None:
    """Where the namespace's values name the person they are about."""
    with tenant_scope(namespace.tenant_id):
        return run_flow(find_subject_rule(namespace.tenant_id, namespace.id))


def exposed_rows(
    actor: Actor,
    call: Call,
    name: str,
    version: int,
    *,
    after: tuple[datetime, UUID] = (EARLIEST, NOBODY),
    limit: int = 100,
) -> tuple[list[Exposed], tuple[datetime, UUID] | None]:
    """Every revision that was under a version, oldest first, whether it is still or not."""
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        permit(actor, call, "key.read", key_of(namespace))
        found = find_version(namespace, version)
        asked = {
            "tenant": actor.tenant_id, "namespace": namespace.id, "name": found.name,
            "at": after[0], "id": after[1], "limit": limit + 1,
            "since": EARLIEST if found.gathers else found.created_at - MARGIN,
            "until": (found.turned_at or datetime.max.replace(tzinfo=EARLIEST.tzinfo, year=9000))
            + MARGIN,
        }  # fmt: skip
        rows = [Exposed(*row) for row in execute(Statement(EXPOSED, asked))]
        following = rows[limit - 1][:2] if len(rows) > limit else None
        return rows[:limit], following


def destructions(actor: Actor, call: Call) -> QuerySet[KeyDestruction]:
    """What was asked to be destroyed, newest first. In the tenant's scope."""
    permit(actor, call, "key.read", whole_tenant(actor))
    return KeyDestruction.objects.filter(tenant_id=actor.tenant_id).order_by("-id")


def shred_ledger(actor: Actor, call: Call) -> list[Signed]:
    """Every entry, oldest first."""
    with tenant_scope(actor.tenant_id):
        permit(actor, call, "key.read", whole_tenant(actor))
        return run_flow(read_ledger(actor.tenant_id))


def _custodies(tenant_id: UUID, namespaces: Iterable[Namespace]) -> list[Custody]:
    waiting = list(KeyDestruction.objects.filter(tenant_id=tenant_id, state="waiting"))
    counts: dict[UUID, list[Noted]] = {}
    for one in noted_counts(tenant_id):
        counts.setdefault(one.namespace_id, []).append(one)
    done = Backup.objects.filter(tenant_id=tenant_id, state="done")
    taken = [at for at in done.values_list("taken_at", flat=True) if at is not None]
    found = []
    for namespace in namespaces:
        versions = run_flow(namespace_versions(tenant_id, namespace.id))
        since = min((one.created_at for one in versions), default=None)
        found.append(
            Custody(
                namespace,
                tuple(versions),
                tuple(counts.get(namespace.id, ())),
                sum(since is not None and at >= since for at in taken),
                tuple(one for one in waiting if one.namespace_id == namespace.id),
            )
        )
    return found
