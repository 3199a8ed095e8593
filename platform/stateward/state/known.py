"""Clients that know another version of a schema than the one in force: what they write is brought
to it, what they read is brought to theirs (header ``Stateward-Schema-Version``).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.entries import Entry
from stateward.state.evolution.lineage import Lineage, Version
from stateward.state.exceptions import (
    NotTransformable,
    SchemaVersionRefused,
    SchemaVersionUnavailable,
)
from stateward.state.schemas import check_value
from stateward.state.values import encode

VERSIONS = """
SELECT number, base, schema::text, steps::text, inverse::text FROM stateward_schema_version
WHERE tenant_id = %s AND namespace_id = %s AND (state <> 'draft' OR number = ANY (%s))
"""
# The versions that stored values were judged by, one for each key asked about.
WRITTEN_UNDER = """
SELECT r.key, r.schema_version FROM unnest(%s::text[], %s::bigint[]) AS asked (key, version),
LATERAL (
    SELECT r.key, r.schema_version FROM stateward_revision r
    WHERE r.tenant_id = %s AND r.namespace_id = %s AND r.key = asked.key COLLATE "C"
      AND r.version = asked.version) r
"""


class Raised(NamedTuple):
    """A value as it is stored, and as whoever wrote it will read it."""

    value: Any
    shown: Any


def load_lineage(
    configuration: TenantConfiguration, rules: NamespaceRules, *, also: int = 0
) -> Flow[Lineage]:
    """The versions of the namespace's schema as of the configuration's epoch, with the draft
    ``also``.
    """
    known: Lineage | None = configuration.lineages.get(rules.id)
    if known is not None and (not also or also in known.versions):
        return known
    drafts = [also, rules.pending.number if rules.pending is not None else 0]
    rows = yield Statement(VERSIONS, (configuration.tenant_id, rules.id, drafts))
    versions = {
        number: Version(number, base, *(None if one is None else json.loads(one) for one in texts))
        for number, base, *texts in rows
    }
    # What was written before the namespace had a schema, or before versions were kept.
    versions.setdefault(0, Version(0, -1))
    versions.setdefault(
        rules.schema_version, Version(rules.schema_version, -1, _validator=rules.validator)
    )
    lineage = configuration.lineages[rules.id] = Lineage(versions)
    return lineage


def raise_value(
    configuration: TenantConfiguration, rules: NamespaceRules, known: int, value: Any
) -> Flow[Raised]:
    """A value of the version that its writer knows, as one of the version in force.

    SchemaVersionRefused (409) where there is no way there, or none back to what the writer will
    read; SchemaViolation (422) where it breaks the version it is said to be of.
    """
    lineage = yield from load_lineage(configuration, rules)
    version = lineage.versions.get(known) if known else None
    if version is None:
        raise SchemaVersionRefused("The namespace's schema has no such version.")
    if version.validator is not None:
        check_value(version.validator, value)
    try:
        raised = lineage.carry(value, known, rules.written_under)
        return Raised(raised, lineage.carry(raised, rules.written_under, known))
    except NotTransformable as error:
        raise SchemaVersionRefused(errors=error.errors) from None


def lower_values(
    configuration: TenantConfiguration,
    rules: NamespaceRules,
    known: int,
    found: list[tuple[str, int, Any]],
) -> Flow[list[Any]]:
    """Stored values, (key, version, value) each, as of the version that the reader knows.
    SchemaVersionUnavailable (406) where one cannot be given so.
    """
    lineage = yield from load_lineage(configuration, rules)
    version = lineage.versions.get(known) if known else None
    if version is None:
        raise SchemaVersionUnavailable("The namespace's schema has no such version.")
    rows = yield Statement(
        WRITTEN_UNDER,
        ([one[0] for one in found], [one[1] for one in found], configuration.tenant_id, rules.id),
    )
    under: dict[str, int | None] = dict(rows)
    try:
        return [_lower(lineage, version, under.get(key), value) for key, _, value in found]
    except NotTransformable as error:
        raise SchemaVersionUnavailable(errors=error.errors) from None


def lower_entries(
    configuration: TenantConfiguration, rules: NamespaceRules, known: int, entries: list[Entry]
) -> Flow[list[Entry]]:
    """The entries with their values as of the version that the reader knows; those without values
    as they are.
    """
    with_values = [one for one in entries if one.data is not None]
    found = [(one.key, one.version, one.value) for one in with_values]
    lowered = yield from lower_values(configuration, rules, known, found)
    data = {one.key: encode(value) for one, value in zip(with_values, lowered, strict=True)}
    return [one._replace(data=data.get(one.key)) for one in entries]


def _lower(lineage: Lineage, version: Version, under: int | None, value: Any) -> Any:
    if under is None or under not in lineage.versions:  # written before that was recorded
        if version.fits(value):
            return value
        raise NotTransformable
    return lineage.carry(value, under, version.number)
