"""Reading versions and runs: what is shown of a stored entry is what the reader may read of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.schemas.entries import carry
from governance.schemas.models import SchemaRun
from governance.schemas.services import find_run
from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.entries import Entry, parse_labels
from stateward.state.evolution.compatibility import Compatibility, compare
from stateward.state.exceptions import NoSuchSchemaVersion
from stateward.state.judging import judge_for
from stateward.state.known import WRITTEN_UNDER, load_lineage
from stateward.state.models import Namespace, SchemaVersion
from stateward.state.queries import list_entries
from stateward.state.services.namespaces import find_namespace
from stateward.state.services.schemas import find_version, versions_of
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

MAX_PREVIEW = 20
LABELS = """
SELECT key, labels::text FROM stateward_entry
WHERE tenant_id = %s AND namespace_id = %s AND key = ANY (%s) AND is_alive
"""


@dataclass(frozen=True, slots=True)
class Previewed:
    """One stored entry, and what a version's migration makes of it."""

    key: str
    version: int
    before: Any
    after: Any
    errors: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as a reader may see it: entries it named that the reader may not know are counted."""

    run: SchemaRun
    samples: list[dict[str, Any]]
    hidden: int


def versions(actor: Actor, call: Call, name: str) -> tuple[Namespace, list[SchemaVersion]]:
    """All versions of the namespace's schema, newest first."""
    namespace = find_namespace(actor, call, name)
    return namespace, versions_of(namespace)


def version(actor: Actor, call: Call, name: str, number: int) -> tuple[Namespace, SchemaVersion]:
    namespace = find_namespace(actor, call, name)
    return namespace, find_version(namespace, number)


def compatibility(
    actor: Actor, call: Call, name: str, number: int, other: int | None
) -> tuple[int, Compatibility]:
    """The version compared with another: the one in force where none is named; 0 is no schema."""
    namespace, found = version(actor, call, name, number)
    number_of_other = namespace.schema_version if other is None else other
    old = find_version(namespace, number_of_other).schema if number_of_other else None
    return number_of_other, compare(old, found.schema)


def preview(
    actor: Actor, call: Call, name: str, number: int, *, limit: int = 5, after: str = ""
) -> tuple[list[Previewed], str | None]:
    """Stored entries that the caller may read, before and after; reading them is recorded like any
    reading. Nothing is written.
    """
    find_namespace(actor, call, name)
    page = run_flow(list_entries(actor, call, name, after=after, limit=min(limit, MAX_PREVIEW)))
    return run_flow(_previewed(actor, name, number, page.entries)), page.next_after


def _previewed(actor: Actor, name: str, number: int, entries: list[Entry]) -> Flow[list[Previewed]]:
    configuration = yield from load_configuration_for(actor, max_age=0)
    rules = yield from namespace_rules(configuration, name)
    lineage = yield from load_lineage(configuration, rules, also=number)
    if number not in lineage.versions:
        raise NoSuchSchemaVersion
    places = ([one.key for one in entries], [one.version for one in entries])
    rows = yield Statement(WRITTEN_UNDER, (*places, actor.tenant_id, rules.id))
    under: dict[str, int | None] = dict(rows)
    found = []
    for entry in entries:
        after: Any = None
        errors: tuple[dict[str, str], ...] = ()
        try:
            after = carry(lineage, entry.value, under.get(entry.key), number)
        except StatewardError as failed:
            errors = tuple(fault.as_dict() for fault in failed.errors) or (
                {"pointer": "", "message": failed.detail},
            )
        found.append(Previewed(entry.key, entry.version, entry.value, after, errors))
    return found


def runs(
    actor: Actor, call: Call, name: str, *, before: UUID | None = None, limit: int = 100
) -> tuple[list[SchemaRun], UUID | None]:
    """Runs of the namespace, newest first, without samples."""
    namespace = find_namespace(actor, call, name)
    found = SchemaRun.objects.filter(tenant_id=actor.tenant_id, namespace_id=namespace.id)
    if before is not None:
        found = found.filter(id__lt=before)  # ids rise with time
    rows = list(found.order_by("-id")[: limit + 1])
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def run(actor: Actor, call: Call, name: str, run_id: UUID) -> Seen:
    """One run with the entries it named, as far as the caller may know of them."""
    namespace = find_namespace(actor, call, name)
    found = find_run(namespace, run_id)
    samples = run_flow(_visible(actor, call, name, found.samples))
    return Seen(found, samples, len(found.samples) - len(samples))


def _visible(
    actor: Actor, call: Call, name: str, samples: list[dict[str, Any]]
) -> Flow[list[dict[str, Any]]]:
    """Keys for who may read what is known of an entry, places for who may read its value."""
    configuration = yield from load_configuration_for(actor)
    rules = yield from namespace_rules(configuration, name)
    judge = yield from judge_for(configuration, actor, call)
    keys = [one["key"] for one in samples]
    rows = yield Statement(LABELS, (actor.tenant_id, rules.id, keys))
    labels = {key: parse_labels(text) for key, text in rows}
    visible = []
    for one in samples:
        if one["key"] not in labels:
            continue
        entry = rules.entry(one["key"], labels[one["key"]])
        if not judge.decide("state.read_meta", entry).allowed:
            continue
        reads = judge.decide("state.read_value", entry).allowed
        shown = {name: one[name] for name in ("key", "version", "code")}
        visible.append(shown | {"errors": one["errors"] if reads else []})
    return visible
