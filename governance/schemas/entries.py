"""Entries as work on a schema goes through them: read by key, a page at a time, judged, brought to
another version and taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stateward.kernel.errors import Gone
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import (
    NamespaceRules,
    TenantConfiguration,
    load_configuration,
    namespace_rules,
)
from stateward.state.entries import meet_keys, open_value
from stateward.state.evolution.lineage import Lineage
from stateward.state.exceptions import NoSuchSchemaVersion
from stateward.state.known import WRITTEN_UNDER, load_lineage
from stateward.state.schemas import check_value
from stateward.state.services.changes import Bring, Conditions
from stateward.state.services.entries import bring_entry
from stateward.state.statements import LIST, REVISION, Listed, Revision
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

PAGE = 100  # entries to a transaction

LIVING = """
SELECT count(*) FROM stateward_entry
WHERE tenant_id = %s AND namespace_id = %s AND is_alive
"""
# What a run wrote, and whether it still is the newest. By key: a run writes each key at most once
# in a pass, and an older one of the same run is not the newest.
WRITTEN_BY = """
SELECT r.key, max(r.version), bool_or(e.is_alive AND e.version = r.version)
FROM stateward_revision r JOIN stateward_entry e
    ON e.tenant_id = r.tenant_id AND e.namespace_id = r.namespace_id AND e.key = r.key
WHERE r.tenant_id = %s AND r.namespace_id = %s AND r.key > %s COLLATE "C"
  AND r.operation = 'migrate' AND r.run = %s
GROUP BY r.key ORDER BY r.key LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry in a run's hands."""

    key: str
    version: int
    listed: Listed | None = None
    under: int | None = None  # the version of the schema that its value is of
    is_as_written: bool = True


def count_living(tenant_id: UUID, namespace_id: UUID) -> int:
    rows = run_flow(_rows(Statement(LIVING, (tenant_id, namespace_id))))
    return int(rows[0][0])


def page_of(configuration: TenantConfiguration, namespace_id: UUID, after: str | None) -> list[Row]:
    """The next living entries in order of their keys."""
    asked = {
        "tenant": configuration.tenant_id, "namespace": namespace_id, "after": after or "",
        "prefix": "", "until": None, "labels": None, "limit": PAGE,
    }  # fmt: skip
    found = [Listed(*row) for row in run_flow(_rows(Statement(LIST, asked)))]
    places = ([one.key for one in found], [one.version for one in found])
    under: dict[str, int | None] = dict(
        run_flow(_rows(Statement(WRITTEN_UNDER, (*places, configuration.tenant_id, namespace_id))))
    )
    return [Row(one.key, one.version, one, under.get(one.key)) for one in found]


def page_to_take_back(
    tenant_id: UUID, namespace_id: UUID, run_id: UUID, after: str | None
) -> list[Row]:
    """The next entries that a run brought to another version, in order of their keys."""
    asked = (tenant_id, namespace_id, after or "", str(run_id), PAGE)
    rows = run_flow(_rows(Statement(WRITTEN_BY, asked)))
    return [Row(key, version, is_as_written=bool(is_newest)) for key, version, is_newest in rows]


def fits(tenant_id: UUID, name: str, row: Row, number: int, *, is_carried: bool) -> None:
    """SchemaViolation (422) or NotTransformable (422) where the stored value does not fit the
    version; ``is_carried``: or what its migration makes of it does not.
    """
    run_flow(_fits(tenant_id, name, row, number, is_carried=is_carried))


def _fits(tenant_id: UUID, name: str, row: Row, number: int, *, is_carried: bool) -> Flow[None]:
    configuration, rules, lineage = yield from _ground(tenant_id, name, number)
    yield from meet_keys(configuration.keys, rules, (row.listed,))
    value = _value(configuration, rules, row)
    if is_carried and lineage.versions[number].steps is not None:
        carry(lineage, value, row.under, number)
        return
    validator = lineage.versions[number].validator
    if validator is not None:
        check_value(validator, value, pointer="")


def brought(actor: Actor, call: Call, name: str, row: Row, number: int, *, note: str) -> Flow[str]:
    """Write the entry as a value of the version ``number``: ``migrated``, or ``fitting`` where it
    is one already. PreconditionFailed (412) where it was changed since the row was read.
    """
    if row.under == number:
        return "fitting"
    configuration, rules, lineage = yield from _ground(actor.tenant_id, name, number)
    yield from meet_keys(configuration.keys, rules, (row.listed,))
    value = carry(lineage, _value(configuration, rules, row), row.under, number)
    validator = lineage.versions[number].validator
    change = Bring(
        value, note=note, in_any_mode=True, target=number,
        validators=() if validator is None else (validator,),
    )  # fmt: skip
    yield from bring_entry(actor, call, name, row.key, change, Conditions(row.version))
    return "migrated"


def taken_back(actor: Actor, call: Call, name: str, row: Row, *, note: str) -> Flow[None]:
    """Write the value that was there before the run wrote. Gone (410) where it was purged."""
    configuration = yield from load_configuration(actor.tenant_id, max_age=0)
    rules = yield from namespace_rules(configuration, name)
    before = row.version - 1
    rows = yield Statement(REVISION, (actor.tenant_id, rules.id, row.key, before))
    old = Revision(*rows[0]) if rows else None
    if old is None or old.value is None:
        raise Gone("The value before has been purged.")
    yield from meet_keys(configuration.keys, rules, (old,))
    value = open_value(configuration.keys, rules, row.key, old.id, old.value)
    under = yield Statement(WRITTEN_UNDER, ([row.key], [before], actor.tenant_id, rules.id))
    change = Bring(value, note=note, in_any_mode=True, target=under[0][1])
    yield from bring_entry(actor, call, name, row.key, change, Conditions(row.version))


def carry(lineage: Lineage, value: Any, under: int | None, number: int) -> Any:
    """The stored value as one of the version ``number``. What was written before versions were
    recorded counts as of the version this one was made from.
    """
    source = under if under in lineage.versions else lineage.versions[number].base
    if source not in lineage.versions:
        source = 0
    return lineage.carry(value, source or 0, number)


def _ground(
    tenant_id: UUID, name: str, number: int
) -> Flow[tuple[TenantConfiguration, NamespaceRules, Lineage]]:
    """The namespace and the versions of its schema, the draft ``number`` among them."""
    configuration = yield from load_configuration(tenant_id)
    rules = yield from namespace_rules(configuration, name)
    lineage = yield from load_lineage(configuration, rules, also=number)
    if number not in lineage.versions:
        raise NoSuchSchemaVersion
    return configuration, rules, lineage


def _value(configuration: TenantConfiguration, rules: NamespaceRules, row: Row) -> Any:
    if row.listed is None:
        raise LookupError("A row that is judged was read.")
    return open_value(configuration.keys, rules, row.key, row.listed.write_id, row.listed.value)


def _rows(statement: Statement) -> Flow[list[tuple[Any, ...]]]:
    return (yield statement)
