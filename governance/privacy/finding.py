"""What there is of a person, in every store. In the tenant's scope; whoever calls has decided.

The index answers where; every store registered in some ``governed.py`` answers how much. What
erasing it would come to is asked of the same resolver and the same holds that a sweep goes by.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import orjson
from django.conf import settings

from governance.privacy.models import SubjectRequest
from governance.retention.queries import rules_in_force
from governance.retention.resolution import Verdict
from governance.retention.survey import Ground
from governance.retention.terms import NEVER
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.governed import SUBJECT_STORES
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.keeping import Kept, KeptNamespace, kept_at, kept_namespaces
from stateward.state.services.purging import held_among, identity_hash

MOST = 50_000  # entries of one person
SAMPLES = 12
AT_ONCE = 2_000
Place = tuple[UUID, str]

PLACES = """
SELECT DISTINCT namespace_id, key FROM stateward_subject_entry
WHERE tenant_id = %s AND id_hash = ANY (%s) ORDER BY namespace_id, key LIMIT %s
"""
LAST_NAMED = """
SELECT e.namespace_id, e.key, max(e.last_version)
FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN stateward_subject_entry e ON e.tenant_id = %s AND e.namespace_id = x.ns
  AND e.key = x.k COLLATE "C" AND e.id_hash = ANY (%s)
GROUP BY e.namespace_id, e.key
"""
SHARED = """
SELECT count(DISTINCT (e.namespace_id, e.key))
FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
JOIN stateward_subject_entry e ON e.tenant_id = %s AND e.namespace_id = x.ns
  AND e.key = x.k COLLATE "C" AND e.kind = ANY (%s) AND NOT e.id_hash = ANY (%s)
"""
BACKUPS = """
SELECT count(*), count(*) FILTER (WHERE is_kept), max(taken_at) FROM stateward_backup
WHERE tenant_id = %s AND state = 'done'
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """One entry, and what an erasure now would come to."""

    kept: Kept
    verdict: Verdict
    is_held: bool

    def state(self, now: datetime) -> str:
        """``held``, ``retained`` or ``due``."""
        if self.is_held:
            return "held"
        until = self.verdict.retain_until
        return "retained" if until is not None and until > now else "due"

    @property
    def keep_until(self) -> datetime | None:
        """When the last retain rule lets go; None where that is not known yet."""
        until = self.verdict.retain_until
        return None if until == NEVER else until


class Backups(NamedTuple):
    """Copies that this cannot reach: they end with their archives."""

    archives: int
    kept: int  # of them those that end only when somebody removes them
    newest: datetime | None

    @property
    def end(self) -> datetime | None:
        """When the last copy is gone; None where there is none, or where somebody keeps one."""
        if self.newest is None or self.kept:
            return None
        return self.newest + timedelta(days=settings.BACKUP_KEEP_DAYS)


@dataclass(frozen=True, slots=True)
class Found:
    """A preview: how much lies where, and what becomes of it."""

    at: datetime
    places: tuple[Place, ...]
    entries: int
    due: int
    held: int
    retained: int
    retained_until: datetime | None
    shared: int  # entries that name somebody else as well
    outlived: int  # entries whose newest value does not name the person: only older ones go
    bytes: int
    by_store: dict[str, int]
    by_namespace: dict[str, int]
    samples: tuple[tuple[str, str, str], ...]  # namespace, key, what becomes of it
    backups: Backups
    is_whole: bool  # whether there were no more than are looked at

    @property
    def sha256(self) -> str:
        """Of the list: what is approved is exactly this."""
        return list_sha256(self.places)


def list_sha256(places: Collection[Place]) -> str:
    lines = sorted(f"{namespace}/{key}" for namespace, key in places)
    return sha256("\n".join(lines).encode()).hexdigest()


def hashes_of(request: SubjectRequest) -> list[bytes]:
    return [bytes(one.id_hash) for one in request.identifiers.all()]


def places_of(request: SubjectRequest) -> Flow[list[Place]]:
    """The entries that name the person, by the index."""
    rows = yield Statement(PLACES, (request.tenant_id, hashes_of(request), MOST + 1))
    return [(row[0], row[1]) for row in rows]


def last_named(request: SubjectRequest, places: Sequence[Place]) -> Flow[dict[Place, int]]:
    """The newest version of each of these entries that names the person, by the index."""
    items = orjson.dumps([{"ns": namespace, "k": key} for namespace, key in places]).decode()
    rows = yield Statement(LAST_NAMED, (items, request.tenant_id, hashes_of(request)))
    return {(row[0], row[1]): row[2] for row in rows}


def find(request: SubjectRequest, now: datetime) -> Flow[Found]:
    """Everything of the person, counted now."""
    tenant_id = request.tenant_id
    configuration = yield from load_configuration(tenant_id, max_age=0)
    namespaces = yield from kept_namespaces(tenant_id)
    named = yield from places_of(request)
    places = named[:MOST]
    fates = yield from fates_of(configuration, namespaces, places, now)
    living = [one.kept.place for one in fates]
    states = [one.state(now) for one in fates]
    waits = [one.keep_until for one in fates if one.state(now) == "retained"]
    shared = yield from _shared(request, living)
    named_last = yield from last_named(request, living)
    outlived = [
        one.kept
        for one in fates
        if one.kept.is_alive and named_last.get(one.kept.place, 0) < one.kept.version
    ]
    by_store = yield from count_stores(tenant_id, living)
    rows = yield Statement(BACKUPS, (tenant_id,))
    by_namespace: dict[str, int] = {}
    for one in fates:
        name = namespaces[one.kept.namespace_id].name
        by_namespace[name] = by_namespace.get(name, 0) + 1
    return Found(
        at=now,
        places=tuple(living),
        entries=len(fates),
        due=states.count("due"),
        held=states.count("held"),
        retained=states.count("retained"),
        retained_until=max((one for one in waits if one), default=None),
        shared=shared,
        outlived=len(outlived),
        bytes=sum(one.kept.size_bytes for one in fates),
        by_store=by_store,
        by_namespace=by_namespace,
        samples=tuple(
            (namespaces[one.kept.namespace_id].name, one.kept.key, state)
            for one, state in list(zip(fates, states, strict=True))[:SAMPLES]
        ),
        backups=Backups(*rows[0]),
        is_whole=len(named) <= MOST,
    )


def fates_of(
    configuration: TenantConfiguration,
    namespaces: dict[UUID, KeptNamespace],
    places: Sequence[Place],
    now: datetime,
) -> Flow[list[Fate]]:
    """What would become of each place that has something to lose."""
    tenant_id = configuration.tenant_id
    base = Ground(rules_in_force(tenant_id, now), namespaces, configuration, now)
    fates: list[Fate] = []
    for start in range(0, len(places), AT_ONCE):
        rows = yield from kept_at(tenant_id, places[start : start + AT_ONCE], past=base.past)
        held = yield from held_among(configuration, rows, namespaces)
        kept = {row.place for row in held}
        fates += [Fate(row, base.resolve(row), row.place in kept) for row in rows]
    return fates


def count_stores(tenant_id: UUID, places: Sequence[Place]) -> Flow[dict[str, int]]:
    """By store how much lies there of these entries; those that count nothing are left out."""
    counts: dict[str, int] = {}
    for store in SUBJECT_STORES.values():
        if store.count is not None:
            for start in range(0, len(places), AT_ONCE):
                more = yield from store.count(tenant_id, places[start : start + AT_ONCE])
                counts[store.name] = counts.get(store.name, 0) + more
    return counts


def _shared(request: SubjectRequest, places: Sequence[Place]) -> Flow[int]:
    """How many of the entries name others too, by an identifier of the same kind."""
    kinds = list({one.kind for one in request.identifiers.all()})
    total = 0
    hashes = hashes_of(request)
    for start in range(0, len(places), AT_ONCE):
        items = [{"ns": ns, "k": key} for ns, key in places[start : start + AT_ONCE]]
        rows = yield Statement(
            SHARED, (orjson.dumps(items).decode(), request.tenant_id, kinds, hashes)
        )
        total += rows[0][0]
    return total


def item_hash(configuration: TenantConfiguration, place: Place) -> bytes:
    """What stands for an entry once its name is gone: as in its tombstone."""
    return identity_hash(configuration, *place)
