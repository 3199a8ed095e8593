"""Making, changing and deleting namespaces: decide, write, raise the epoch, record, in the caller's
transaction.

Synchronous: namespaces belong to the control plane. Every function runs inside ``tenant_scope``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from stateward.gate.audit.record import append, compose
from stateward.gate.keys.services import ensure_namespace_key
from stateward.gate.policy.decide import refusal
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.requests import Decision, Resource
from stateward.kernel.errors import Fault, Unprocessable, unfit
from stateward.kernel.flow import Flow
from stateward.state.configuration import (
    NamespaceRules,
    TenantConfiguration,
    load_configuration_for,
    namespace_rules,
)
from stateward.state.crdt.kinds import parse_crdt
from stateward.state.exceptions import (
    BadMode,
    ModeInUse,
    NamespaceExists,
    NamespaceNotEmpty,
    NoSuchNamespace,
    OnlyPeopleLower,
    UnderHold,
)
from stateward.state.judging import judge_for
from stateward.state.models import CLASSIFICATIONS, CONCURRENCIES, SCOPES, Namespace
from stateward.state.naming import is_namespace_name
from stateward.state.patterns import as_like
from stateward.state.reducers import parse_reducer
from stateward.state.services.schemas import (
    activate_at_once,
    activate_first,
    adopt,
    check_schema,
)
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow

CHOICES = {"scope": SCOPES, "concurrency": CONCURRENCIES, "classification": CLASSIFICATIONS}
CLOSELY_KEPT = frozenset({"confidential", "restricted"})
CHANGEABLE = (
    "scope",
    "concurrency",
    "reducer",
    "crdt",
    "schema",
    "classification",
    "owner",
    "labels",
    "default_ttl_seconds",
)


def create_namespace(actor: Actor, call: Call, name: str, fields: Mapping[str, Any]) -> Namespace:
    """A new namespace owned by its maker, with a data key of its own. 409 if one of this name
    exists.
    """
    if not is_namespace_name(name):
        raise unfit(
            "name", "1 to 10 segments joined by '.', each of a-z, 0-9, '_' and '-', at most 63 long"
        )
    configuration = run_flow(load_configuration_for(actor, max_age=0))
    proposed = Namespace(
        tenant_id=actor.tenant_id, name=name, owner_type=actor.type, owner_id=actor.id
    )
    changed = _apply(proposed, fields)
    decision = _allowed(configuration, actor, call, "namespace.create", resource_of(proposed))
    try:
        with transaction.atomic():
            proposed.save(force_insert=True)
    except IntegrityError:
        raise NamespaceExists from None
    run_flow(ensure_namespace_key(actor.tenant_id, proposed.id))
    if proposed.schema is not None:
        activate_first(actor, proposed)
    _record(
        actor,
        call,
        "namespace.create",
        proposed,
        decision=decision,
        extra={"name": name, "fields": changed},
    )
    proposed.refresh_from_db()
    return proposed


def update_namespace(
    actor: Actor, call: Call, name: str, fields: Mapping[str, Any], *, reason: str = ""
) -> Namespace:
    """Change a namespace's settings. A change of classification must be allowed under the old and
    the new one; down from confidential or restricted only a person may bring it, with a reason.
    """
    configuration, rules, decision = _require(actor, call, "namespace.update", name)
    namespace = Namespace.objects.select_for_update().get(tenant_id=actor.tenant_id, id=rules.id)
    before, schema, was = _mode(namespace), namespace.schema, namespace.classification
    if "schema" in fields:
        adopt(namespace)
    changed = _apply(namespace, fields)
    _check_lowering(actor, was, namespace.classification, reason)
    _check_mode_change(before, namespace, rules)
    decision = _allowed(configuration, actor, call, "namespace.update", resource_of(namespace))
    if namespace.schema != schema:
        activate_at_once(actor, namespace)
    namespace.updated_at = Now()
    namespace.save()
    extra: dict[str, Any] = {"fields": changed}
    if namespace.classification != was:
        extra |= {"was": was, "why": reason}
    _record(actor, call, "namespace.update", namespace, decision=decision, extra=extra)
    namespace.refresh_from_db()
    return namespace


def raise_classification(
    actor: Actor,
    call: Call,
    namespace: Namespace,
    to: str,
    *,
    reason: str,
    details: Mapping[str, Any],
) -> None:
    """Keep a namespace more closely, as a rule that somebody set says: from the next write and read
    on. Machines raise, and never lower: LookupError.

    The namespace's row is locked by whoever calls.
    """
    was = namespace.classification
    if CLASSIFICATIONS.index(to) <= CLASSIFICATIONS.index(was):
        raise LookupError("A machine only ever raises a classification.")
    namespace.classification, namespace.updated_at = to, Now()
    namespace.save(update_fields=["classification", "updated_at"])
    bump(actor.tenant_id, "namespaces")
    draft = compose(
        actor=actor,
        call=call,
        action="namespace.update",
        resource_type="namespace",
        resource_id=str(namespace.id),
        reason=reason,
        namespace_id=namespace.id,
        classification=to,
        extra={"event": "classification.raised", "was": was, **details},
    )
    run_flow(append(draft))


def _check_lowering(actor: Actor, was: str, to: str, reason: str) -> None:
    if CLASSIFICATIONS.index(to) >= CLASSIFICATIONS.index(was) or was not in CLOSELY_KEPT:
        return
    if actor.type != "member":
        raise OnlyPeopleLower
    if not reason.strip():
        message = f"say why it need not be {was} any more"
        raise Unprocessable(f"reason: {message}.", errors=(Fault("/reason", message),))


def delete_namespace(actor: Actor, call: Call, name: str, *, force: bool = False) -> None:
    """Delete a namespace; 409 if it has entries and ``force`` was not said, or a hold keeps it or
    something in it. Its entries are hidden with it at once.
    """
    # The epoch's row is locked first: a hold placed meanwhile waits, and one placed before is seen.
    bump(actor.tenant_id, "namespaces")
    _, rules, decision = _require(actor, call, "namespace.delete", name)
    namespace = Namespace.objects.select_for_update().get(tenant_id=actor.tenant_id, id=rules.id)
    if _has_held_entries(actor.tenant_id, rules):
        raise UnderHold
    entries = _living_entries(actor.tenant_id, rules)
    if entries and not force:
        raise NamespaceNotEmpty
    namespace.deleted_at = Now()
    namespace.save(update_fields=["deleted_at"])
    _end_proposals(actor.tenant_id, rules)
    _record(
        actor,
        call,
        "namespace.delete",
        namespace,
        decision=decision,
        extra={"name": name, "had_entries": entries},
    )


def permit_update(actor: Actor, call: Call, name: str) -> Decision:
    """The decision that lets the caller change the namespace's settings; else Denied."""
    return _require(actor, call, "namespace.update", name)[2]


def _require(
    actor: Actor, call: Call, action: str, name: str
) -> tuple[TenantConfiguration, NamespaceRules, Decision]:
    def flow() -> Flow[tuple[TenantConfiguration, NamespaceRules, Decision]]:
        configuration = yield from load_configuration_for(actor, max_age=0)
        rules = yield from namespace_rules(configuration, name)
        judge = yield from judge_for(configuration, actor, call)
        decision = yield from judge.require(action, rules, rules.resource())
        return configuration, rules, decision

    return run_flow(flow())


def _allowed(
    configuration: TenantConfiguration, actor: Actor, call: Call, action: str, resource: Resource
) -> Decision:
    judge = run_flow(judge_for(configuration, actor, call))
    decision = judge.decide(action, resource)
    run_flow(record_snapshots(actor.tenant_id, decision))
    if not decision.allowed:
        raise refusal(decision)
    return decision


def _apply(namespace: Namespace, fields: Mapping[str, Any]) -> list[str]:
    """Set what was given, checked; the names of what changed."""
    for name, value in fields.items():
        if name in CHOICES and value not in CHOICES[name]:
            raise unfit(name, f"one of {', '.join(CHOICES[name])}")
        if name == "owner":
            namespace.owner_type, namespace.owner_id = value["type"], value["id"]
        else:
            setattr(namespace, name, value)
    _settle_mode(namespace, fields)
    if "schema" in fields:
        check_schema(namespace.schema)
    return sorted(fields)


def _mode(namespace: Namespace) -> tuple[str, Any, Any]:
    return namespace.concurrency, namespace.reducer, namespace.crdt


def _settle_mode(namespace: Namespace, fields: Mapping[str, Any]) -> None:
    """Each mode's own settings with that mode and no other; leaving a mode clears them."""
    parsers: Mapping[str, Callable[[Any], Any]] = {"reducer": parse_reducer, "crdt": parse_crdt}
    for mode, parse in parsers.items():
        if namespace.concurrency == mode:
            parse(getattr(namespace, mode))
        elif fields.get(mode) is not None:
            message = f"only with the concurrency {mode}"
            raise BadMode(f"{mode}: {message}.", errors=(Fault(f"/{mode}", message),))
        else:
            setattr(namespace, mode, None)


def _check_mode_change(
    before: tuple[str, Any, Any], namespace: Namespace, rules: NamespaceRules
) -> None:
    """Values that anybody put are none that a reducer or a replica made: such a mode begins with an
    empty namespace. Out of it they may go: a value is plain JSON in every mode.
    """
    if _mode(namespace) == before or namespace.concurrency not in {"reducer", "crdt"}:
        return
    if _living_entries(namespace.tenant_id, rules):
        raise ModeInUse(errors=(Fault("/concurrency", "the namespace has entries"),))


HELD_ENTRY = """
SELECT EXISTS (
    SELECT FROM stateward_entry e
    CROSS JOIN unnest(%s::text[], %s::uuid[]) AS hold (pattern, custodian)
    WHERE e.tenant_id = %s AND e.namespace_id = %s AND e.version > 0
      AND (hold.pattern IS NULL OR e.key LIKE hold.pattern)
      AND (hold.custodian IS NULL OR e.actor_id = hold.custodian))
"""


def _has_held_entries(tenant_id: UUID, rules: NamespaceRules) -> bool:
    """Whether a hold that does not keep the whole of it keeps an entry of the namespace."""
    partial = rules.holds.partial
    if not partial:
        return False
    patterns = [hold.pattern and as_like(hold.pattern.text) for hold in partial]
    custodians = [hold.custodian for hold in partial]
    with connection.cursor() as cursor:
        cursor.execute(HELD_ENTRY, (patterns, custodians, tenant_id, rules.id))
        return bool(cursor.fetchone()[0])


def _end_proposals(tenant_id: UUID, rules: NamespaceRules) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_proposal SET state = 'withdrawn', ended_at = clock_timestamp(), "
            "value = NULL, value_hash = NULL "
            "WHERE tenant_id = %s AND namespace_id = %s AND state = 'open'",
            (tenant_id, rules.id),
        )


def _living_entries(tenant_id: UUID, rules: NamespaceRules) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM stateward_entry "
            "WHERE tenant_id = %s AND namespace_id = %s AND is_alive)",
            (tenant_id, rules.id),
        )
        return bool(cursor.fetchone()[0])


def _record(
    actor: Actor,
    call: Call,
    action: str,
    namespace: Namespace,
    *,
    decision: Decision,
    extra: Mapping[str, Any],
) -> None:
    bump(actor.tenant_id, "namespaces")
    draft = compose(
        actor=actor,
        call=call,
        action=action,
        resource_type="namespace",
        resource_id=str(namespace.id),
        reason=decision.reason,
        decision=decision.facts(),
        namespace_id=namespace.id,
        classification=namespace.classification,
        extra=extra,
    )
    run_flow(append(draft))


def find_namespace(actor: Actor, call: Call, name: str) -> Namespace:
    """One namespace, if the caller may know of it."""
    _, rules, _ = _require(actor, call, "namespace.read", name)
    found = Namespace.objects.filter(tenant_id=actor.tenant_id, id=rules.id).first()
    if found is None:
        raise NoSuchNamespace
    return found


def readable_namespaces(
    actor: Actor, call: Call, *, after: str = "", limit: int = 100, prefix: str = ""
) -> tuple[list[Namespace], str | None]:
    """A page of the namespaces the caller may know of, by name; and the name to go on after."""
    configuration = run_flow(load_configuration_for(actor, max_age=0))
    judge = run_flow(judge_for(configuration, actor, call))
    kept: list[Namespace] = []
    while True:
        rows = list(
            Namespace.objects.filter(
                tenant_id=actor.tenant_id, deleted_at=None, name__gt=after, name__startswith=prefix
            ).order_by("name")[: limit + 1]
        )
        for row in rows:
            if not judge.decide("namespace.read", resource_of(row)).allowed:
                continue
            if len(kept) == limit:
                return kept, kept[-1].name
            kept.append(row)
        if len(rows) <= limit:
            return kept, None
        after = rows[-1].name


def resource_of(namespace: Namespace) -> Resource:
    """A namespace as decisions see it."""
    return Resource(
        "namespace",
        namespace.name,
        {
            "name": namespace.name,
            "classification": namespace.classification,
            "labels": namespace.labels,
            "owner": str(namespace.owner_id),
            "scope": namespace.scope,
        },
    )
