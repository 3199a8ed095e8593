"""The job that looks for what was erased: in every store, by keyed hash, and in every value.

Two searches that do not rest on the index. By identity: every key is hashed and compared with the
erased entries'; of one that fits, nothing older than its tombstone may be left in any store. By
identifier: every value is opened and read for identifiers again; what names an erased person and is
older than the erasure is a remnant, what is newer was written anew. And a canary: an identifier
that does live must be found by the same walk, or the search itself is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.privacy.acts import own_call, record, system
from governance.privacy.index import BEHIND, PAGE, Row, Space, declared_spaces, names_in
from governance.privacy.models import SubjectIdentifier, SubjectItem, SubjectRequest, SubjectRescan
from stateward.kernel.flow import Flow, Statement
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration
from stateward.state.services.purging import identity_hash
from stateward.tenancy.scope import execute, run_flow

MOST_DETAILS = 100
KEYS = """
SELECT namespace_id, key FROM stateward_entry
WHERE tenant_id = %s AND (namespace_id, key) > (%s, %s COLLATE "C")
ORDER BY namespace_id, key LIMIT 5000
"""
TOMBSTONES = """
SELECT t.id_hash, max(t.version) FROM stateward_tombstone t
JOIN stateward_purge_batch b ON b.tenant_id = t.tenant_id AND b.id = t.batch_id
JOIN stateward_subject_request r ON r.tenant_id = b.tenant_id AND r.id = b.rule_id
WHERE t.tenant_id = %s GROUP BY t.id_hash
"""
LEFT = """
SELECT 'entries' WHERE EXISTS (SELECT FROM stateward_entry WHERE tenant_id = %(tenant)s
    AND namespace_id = %(ns)s AND key = %(key)s COLLATE "C" AND version <= %(version)s
    AND (value IS NOT NULL OR value_hash IS NOT NULL))
UNION ALL
SELECT 'revisions' WHERE EXISTS (SELECT FROM stateward_revision WHERE tenant_id = %(tenant)s
    AND namespace_id = %(ns)s AND key = %(key)s COLLATE "C" AND version <= %(version)s
    AND (value IS NOT NULL OR value_hash IS NOT NULL OR note IS NOT NULL OR labels <> '{}'))
UNION ALL
SELECT 'audit' WHERE EXISTS (SELECT FROM stateward_audit_record a
    WHERE a.tenant_id = %(tenant)s AND a.namespace_id = %(ns)s
    AND a.entry_key = %(key)s COLLATE "C" AND a.at < (SELECT min(r.at) FROM stateward_revision r
        WHERE r.tenant_id = %(tenant)s AND r.namespace_id = %(ns)s
        AND r.key = %(key)s COLLATE "C" AND r.version = %(version)s AND r.operation = 'purge'))
UNION ALL
SELECT 'proposals' WHERE EXISTS (SELECT FROM stateward_proposal p WHERE p.tenant_id = %(tenant)s
    AND p.namespace_id = %(ns)s AND p.key = %(key)s COLLATE "C" AND p.value IS NOT NULL
    AND p.created_at < (SELECT min(r.at) FROM stateward_revision r
        WHERE r.tenant_id = %(tenant)s AND r.namespace_id = %(ns)s
        AND r.key = %(key)s COLLATE "C" AND r.version = %(version)s AND r.operation = 'purge'))
"""
CANARY = """
SELECT e.id_hash FROM stateward_subject_entry e
JOIN stateward_revision r ON r.tenant_id = e.tenant_id AND r.namespace_id = e.namespace_id
  AND r.key = e.key AND r.version = e.last_version AND r.value IS NOT NULL
WHERE e.tenant_id = %s LIMIT 1
"""
AT = """
SELECT at FROM stateward_revision
WHERE tenant_id = %s AND namespace_id = %s AND key = %s COLLATE "C" AND version = %s
"""
Found = dict[str, Any]


@dataclass(slots=True)
class Search:
    """What is looked for, and what was found of it."""

    stones: dict[bytes, int]  # keyed identities, and the versions of their purges
    erased: dict[bytes, datetime]  # keyed identifiers, and when the erasure began
    kept: set[tuple[UUID, str]]  # what a hold or a rule keeps for now
    canary: bytes | None
    looked_at: int = 0
    remnants: int = 0
    anew: int = 0
    canary_found: bool = False
    details: list[Found] = field(default_factory=list)

    def remnant(self, store: str, namespace_id: UUID, identity: bytes) -> None:
        self.remnants += 1
        if len(self.details) < MOST_DETAILS:
            said = {"store": store, "namespace_id": str(namespace_id), "id_hash": identity.hex()}
            self.details.append(said)


def rescan(run: Run) -> Outcome:
    """Search the run's tenant; nothing to do where nothing was ever erased."""
    tenant_id = run.tenant_id
    assert tenant_id is not None  # noqa: S101  # its slot fans out to tenants
    with run.scope():
        search = _search(tenant_id)
    if not search.stones and not search.erased:
        return Outcome({"requests": 0})
    _by_identity(run, tenant_id, search)
    _by_identifier(run, tenant_id, search)
    with run.scope():
        run.guard()
        return _settle(run, tenant_id, search)


def _search(tenant_id: UUID) -> Search:
    stones = {bytes(row[0]): row[1] for row in execute(Statement(TOMBSTONES, (tenant_id,)))}
    named = SubjectIdentifier.objects.filter(
        tenant_id=tenant_id, request__kind="erasure", request__erased__gt=0
    ).values_list("id_hash", "request__answered_at")
    kept = SubjectItem.objects.filter(tenant_id=tenant_id).exclude(state="erased")
    canary = execute(Statement(CANARY, (tenant_id,)))
    erased = {bytes(one): at for one, at in named if at is not None}
    places = set(kept.values_list("namespace_id", "key"))
    return Search(stones, erased, places, bytes(canary[0][0]) if canary else None)


def _by_identity(run: Run, tenant_id: UUID, search: Search) -> None:
    after = (UUID(int=0), "")
    while True:
        with run.scope():
            configuration = run_flow(load_configuration(tenant_id, max_age=0))
            rows = execute(Statement(KEYS, (tenant_id, *after)))
            for namespace_id, key in rows:
                identity = identity_hash(configuration, namespace_id, key)
                version = search.stones.get(identity)
                if version is not None:
                    about = {"tenant": tenant_id, "ns": namespace_id, "key": key}
                    for (store,) in execute(Statement(LEFT, about | {"version": version})):
                        search.remnant(store, namespace_id, identity)
        if not rows:
            return
        after = (rows[-1][0], rows[-1][1])
        run.progress(search.looked_at, None, "identities")


def _by_identifier(run: Run, tenant_id: UUID, search: Search) -> None:
    with run.scope():
        spaces = [one for one in run_flow(declared_spaces(tenant_id)).values() if one.declared]
    for space in spaces:
        for _ in _pages(run, tenant_id, space, search):
            run.progress(search.looked_at, None, "values")


def _pages(run: Run, tenant_id: UUID, space: Space, search: Search) -> Iterator[None]:
    key, version = "", 0
    while True:
        with run.scope():
            found = execute(Statement(BEHIND, (tenant_id, space.id, key, version, PAGE)))
            rows = [Row(*row) for row in found]
            run_flow(_look_into(tenant_id, space, rows, search))
        yield
        if len(rows) < PAGE:
            return
        key, version = rows[-1].key, rows[-1].version


def _look_into(tenant_id: UUID, space: Space, rows: Sequence[Row], search: Search) -> Flow[None]:
    configuration = yield from load_configuration(tenant_id, max_age=0)
    for row in rows:
        search.looked_at += 1
        if row.value is None:
            continue
        named = yield from names_in(configuration, space, row)
        hashes = {configuration.keys.value_hash(one.hashed) for one in named}
        search.canary_found |= search.canary in hashes
        if (row.namespace_id, row.key) in search.kept:
            continue
        for one in hashes & search.erased.keys():
            at = (yield Statement(AT, (tenant_id, row.namespace_id, row.key, row.version)))[0][0]
            if at < search.erased[one]:
                identity = identity_hash(configuration, row.namespace_id, row.key)
                search.remnant("values", row.namespace_id, identity)
            else:
                search.anew += 1


def _settle(run: Run, tenant_id: UUID, search: Search) -> Outcome:
    requests = SubjectRequest.objects.filter(tenant_id=tenant_id, kind="erasure", erased__gt=0)
    is_sound = search.canary is None or search.canary_found
    made = SubjectRescan.objects.create(
        tenant_id=tenant_id,
        run_id=run.id,
        requests=requests.count(),
        looked_at=search.looked_at,
        remnants=search.remnants,
        anew=search.anew,
        control_found=is_sound,
        details=search.details,
    )
    counts = {
        "requests": made.requests,
        "looked_at": search.looked_at,
        "remnants": search.remnants,
        "written_anew": search.anew,
    }
    details = {"event": "subject.rescanned", "canary_found": is_sound, **counts}
    about = ("subject_rescan", str(made.id))
    record(system(tenant_id), own_call(run.id), "subject.manage", about, details)
    return Outcome(counts, has_findings=search.remnants > 0 or not is_sound)
