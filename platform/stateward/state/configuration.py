"""What a decision about state depends on, cached in the process under the tenant's epoch.

The epoch row is read BEFORE the parts: what is loaded may then be newer than the epoch it is filed
under, never older, and
the statement's comparison errs on the side of loading again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.keys.load import load_keys, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.subjects import SubjectRule
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.load import load_policies
from stateward.gate.policy.requests import Resource
from stateward.kernel.flow import Flow, Statement
from stateward.state.bounds import Bounds, Quotas, load_bounds, load_quotas
from stateward.state.crdt.kinds import parse_crdt
from stateward.state.exceptions import CallerChanged, NoSuchNamespace, NoSuchTenant
from stateward.state.holds import NO_HOLDS, Holds, NamespaceHolds, load_holds
from stateward.state.masks import Masks, load_masks
from stateward.state.naming import check_namespace_name
from stateward.state.reducers import Reducer, parse_reducer
from stateward.state.restrictions import NONE, Purposes, Restrictions, load_restrictions
from stateward.state.schemas import Validator, compile_schema
from stateward.tenancy.actors import Actor

MAX_AGE_SECONDS = 0.8  # a read may rely on rules this old; the promise is one second
MAX_NAMESPACES = 20_000  # kept per tenant; beyond it they are loaded anew


class Epochs(NamedTuple):
    """The tenant's counters and the platform's, as one row."""

    epoch: int
    platform: int
    principals: int
    policies: int
    namespaces: int
    schemas: int
    keys: int
    is_own: bool  # raised by this very transaction: do not keep what is loaded under it


class PendingSchema(NamedTuple):
    """A version of the schema that is being activated (``services/activating.py``)."""

    number: int
    validator: Validator | None
    is_exclusive: bool  # stored values are being brought to it: it alone judges what is written


@dataclass(frozen=True, slots=True)
class NamespaceRules:
    """A namespace as the write path needs it."""

    id: UUID
    name: str
    scope: str
    concurrency: str
    classification: str
    owner_id: str
    labels: Mapping[str, Any]
    default_ttl_seconds: int | None
    schema_version: int
    validator: Validator | None
    holds: NamespaceHolds = NO_HOLDS
    reducer: Reducer | None = None
    crdt: str | None = None  # the kind of replica
    pending: PendingSchema | None = None
    subject: SubjectRule | None = None  # whose key each value is sealed under, if it names one
    restricted: Purposes = field(default_factory=dict)  # keys under a restriction

    @property
    def written_under(self) -> int:
        """The version of the schema that a value written now is of."""
        return self.schema_version if self.pending is None else self.pending.number

    @property
    def validators(self) -> tuple[Validator, ...]:
        """What a value written now must fit."""
        pending = self.pending
        if pending is None:
            return () if self.validator is None else (self.validator,)
        mine = None if pending.is_exclusive else self.validator
        return tuple(one for one in (mine, pending.validator) if one is not None)

    def resource(self) -> Resource:
        held = {"held": True} if self.holds.whole else {}
        return Resource("namespace", self.name, self._attributes() | held)

    def entry(self, key: str, labels: Mapping[str, Any], *, is_held: bool = False) -> Resource:
        """The entry ``key`` as decisions see it: entries with the same labels share one.

        Whether a hold keeps it matters to what deletes only, and to nothing else is said.
        """
        attributes = self._attributes() | {"labels": labels}
        if is_held:
            attributes["held"] = True
        if self.restricted and (purpose := self.restricted.get(key)) is not None:
            attributes["restricted_to"] = purpose
        return Resource("entry", f"{self.name}/{key}", attributes)

    def _attributes(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "classification": self.classification,
            "labels": self.labels,
            "owner": self.owner_id,
            "scope": self.scope,
        }


@dataclass(slots=True)
class TenantConfiguration:
    """A tenant's rules, keys and namespaces as of one epoch."""

    tenant_id: UUID
    epochs: Epochs
    policies: PolicyBook
    keys: KeyRing
    namespaces: dict[str, NamespaceRules] = field(default_factory=dict)
    holds: Holds = field(default_factory=Holds)
    quotas: Quotas = field(default_factory=dict)
    bounds: Mapping[UUID, Bounds] = field(default_factory=dict)  # by namespace
    restrictions: Restrictions = field(default_factory=dict)
    masks: Masks = field(default_factory=dict)
    checked_at: float = field(default_factory=time.monotonic)
    # By namespace: the versions of its schema, for clients that know an older one (``known.py``).
    lineages: dict[UUID, Any] = field(default_factory=dict)
    frames: dict[Any, Any] = field(default_factory=dict)  # see ``frames.py``


_cache: dict[UUID, TenantConfiguration] = {}


def cached_configuration(tenant_id: UUID, max_age: float) -> TenantConfiguration | None:
    """What this process has, if it was compared with the database within ``max_age`` seconds."""
    found = _cache.get(tenant_id)
    if found is not None and time.monotonic() - found.checked_at <= max_age:
        return found
    return None


def forget_configurations() -> None:
    """Empty the cache, as a new process has it."""
    _cache.clear()


def load_configuration(
    tenant_id: UUID, *, max_age: float = MAX_AGE_SECONDS
) -> Flow[TenantConfiguration]:
    """The tenant's configuration, at most ``max_age`` seconds behind the database. 404 if there is
    no such tenant.
    """
    if (recent := cached_configuration(tenant_id, max_age)) is not None:
        return recent
    known = _cache.get(tenant_id)
    if known is not None and max_age > 0:
        known.checked_at = (
            time.monotonic()
        )  # the others go on with what is there while this one looks
    rows = yield Statement("SELECT * FROM stateward_epochs(%s)", (tenant_id,))
    if not rows:
        raise NoSuchTenant
    epochs = Epochs(*rows[0])
    if known is not None and known.epochs == epochs:
        known.checked_at = time.monotonic()
        return known
    fresh = yield from _renew(tenant_id, epochs, known)
    if not epochs.is_own:
        _cache[tenant_id] = fresh
    return fresh


def load_configuration_for(
    actor: Actor, *, max_age: float = MAX_AGE_SECONDS
) -> Flow[TenantConfiguration]:
    """The configuration of the caller's tenant, if the caller is still who was let in; else
    CallerChanged (503).
    """
    configuration = yield from load_configuration(actor.tenant_id, max_age=max_age)
    if actor.read_under is not None and actor.read_under != configuration.epochs.principals:
        raise CallerChanged
    return configuration


def _renew(
    tenant_id: UUID, epochs: Epochs, known: TenantConfiguration | None
) -> Flow[TenantConfiguration]:
    """Load what has changed and keep what has not."""
    old = known.epochs if known is not None else None
    if known is not None and old is not None and _same_rules(old, epochs):
        policies = known.policies
    else:
        policies = yield from load_policies(tenant_id)
    if known is not None and old is not None and old.keys == epochs.keys:
        keys = known.keys
    else:
        keys = yield from load_keys(tenant_id)
    is_same = old is not None and (old.namespaces, old.schemas) == (
        epochs.namespaces,
        epochs.schemas,
    )
    if known is not None and is_same:
        namespaces, holds = known.namespaces, known.holds
        quotas, bounds, restrictions = known.quotas, known.bounds, known.restrictions
        masks = known.masks
    else:  # holds and quotas are counted with the namespaces they are about
        namespaces, holds = {}, (yield from load_holds(tenant_id))
        quotas = yield from load_quotas(tenant_id)
        bounds = yield from load_bounds(tenant_id)
        restrictions = yield from load_restrictions(tenant_id)
        masks = yield from load_masks(tenant_id)
    return TenantConfiguration(
        tenant_id, epochs, policies, keys, namespaces, holds, quotas, bounds, restrictions, masks
    )


def _same_rules(old: Epochs, new: Epochs) -> bool:
    # Decisions are cached in the book under the principal's attributes too, hence the principals'
    # counter.
    return (old.policies, old.principals) == (new.policies, new.principals)


NAMESPACE = """
SELECT n.id, n.name, n.scope, n.concurrency, n.classification, n.owner_id, n.labels::text,
    n.default_ttl_seconds, n.schema_version, n.schema::text, n.reducer::text, n.crdt::text,
    p.number, p.schema::text, n.pending_is_exclusive, s.path
FROM stateward_namespace n LEFT JOIN stateward_schema_version p
    ON p.tenant_id = n.tenant_id AND p.namespace_id = n.id AND p.number = n.pending_version
LEFT JOIN stateward_subject_rule s ON s.tenant_id = n.tenant_id AND s.namespace_id = n.id
WHERE n.tenant_id = %s AND n.name = %s AND n.deleted_at IS NULL
"""


def namespace_rules(configuration: TenantConfiguration, name: str) -> Flow[NamespaceRules]:
    """The namespace called ``name``; 404 if there is none."""
    known = configuration.namespaces.get(name)
    rules = known or (yield from _load_rules(configuration, name))
    yield from load_namespace_keys(configuration.keys, rules.id)
    return rules


def _load_rules(configuration: TenantConfiguration, name: str) -> Flow[NamespaceRules]:
    rows = yield Statement(NAMESPACE, (configuration.tenant_id, check_namespace_name(name)))
    if not rows:
        raise NoSuchNamespace
    rules = _rules(rows[0], configuration)
    if len(configuration.namespaces) >= MAX_NAMESPACES:
        configuration.namespaces.clear()
    configuration.namespaces[name] = rules
    return rules


def _rules(row: tuple[Any, ...], configuration: TenantConfiguration) -> NamespaceRules:
    return NamespaceRules(
        id=row[0],
        name=row[1],
        scope=row[2],
        concurrency=row[3],
        classification=row[4],
        owner_id=str(row[5]),
        labels=json.loads(row[6]),
        default_ttl_seconds=row[7],
        schema_version=row[8],
        validator=_validator(row[9]),
        holds=configuration.holds.on_namespace(row[1]),
        reducer=None if row[10] is None else parse_reducer(json.loads(row[10])),
        crdt=None if row[11] is None else parse_crdt(json.loads(row[11])),
        pending=None if row[12] is None else PendingSchema(row[12], _validator(row[13]), row[14]),
        subject=None if row[15] is None else SubjectRule(row[15]),
        restricted=configuration.restrictions.get(row[0], NONE),
    )


def _validator(text: str | None) -> Validator | None:
    schema = None if text is None else json.loads(text)
    return None if schema is None else compile_schema(schema)
