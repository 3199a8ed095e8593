"""The rules in force, from the database."""

from __future__ import annotations

from uuid import UUID

from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.facts import Uid
from stateward.gate.policy.grants import Grant, Grants
from stateward.gate.policy.levels import Override
from stateward.gate.policy.rules import Source
from stateward.gate.policy.snapshots import record_snapshots
from stateward.gate.policy.vocabulary import ENTITY_TYPES
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.models import PLATFORM

__all__ = ["current_policies", "load_policies", "record_snapshots"]

_IN_FORCE = """
SELECT t.slug, t.status, p.id, p.name, v.number, v.text, p.level
FROM stateward_tenant t
LEFT JOIN stateward_policy p ON p.tenant_id = t.id AND p.active_version IS NOT NULL
LEFT JOIN stateward_policy_version v
       ON v.tenant_id = p.tenant_id AND v.policy_id = p.id AND v.number = p.active_version
WHERE t.id = %s
ORDER BY p.name
"""
# Grants that have not ended, whatever kind of thing they are about; and who is in which group.
_GRANTED = "SELECT * FROM stateward_grants_in_force(%s)"
_OVERRIDES = """
SELECT id, policy_id, principal_type, principal_id, action, resource_type, resource_id, ends_at
FROM stateward_policy_override WHERE tenant_id = %s AND ends_at > clock_timestamp()
"""
_GROUPED = "SELECT * FROM stateward_groups_in_force(%s)"
_TYPES = ENTITY_TYPES | {"group": "Group"}
# is_own: this very transaction raised a counter and may yet be undone. A savepoint within it has an
# id of its own, which is younger; so whatever is as young as this transaction counts as its own.
_EPOCH = """
SELECT t.policies + p.policies, t.principals + p.principals,
       coalesce(
           least(age(t.xmin), age(p.xmin)) <= age(pg_current_xact_id_if_assigned()::xid), false)
FROM stateward_epoch t, stateward_epoch p
WHERE t.tenant_id = %s AND p.tenant_id = %s
"""

_MOST_BOOKS = 1_000
_books: dict[UUID, tuple[tuple[int, int], PolicyBook]] = {}


def load_policies(tenant_id: UUID) -> Flow[PolicyBook]:
    """A new book of what is in force now. Parsing is remembered by text, so what did not change
    costs little.
    """
    rows = yield Statement(_IN_FORCE, (tenant_id,))
    if not rows:
        raise NotFound
    slug, status = rows[0][:2]
    policies = [
        Source("policy", name, text, number, str(policy_id), level)
        for _, _, policy_id, name, number, text, level in rows
        if policy_id is not None
    ]
    grants = yield from _load_grants(tenant_id)
    overrides: list[Override] = []
    if any(source.level == "soft" for source in policies):
        overrides = yield from _load_overrides(tenant_id)
    return PolicyBook(
        tenant_id,
        policies,
        tenant_slug=slug,
        tenant_is_active=status == "active",
        grants=grants,
        overrides=overrides,
    )


def _load_overrides(tenant_id: UUID) -> Flow[list[Override]]:
    rows = yield Statement(_OVERRIDES, (tenant_id,))
    return [
        Override(
            str(override_id),
            str(policy_id),
            _uid(principal_type, principal_id),
            action,
            _uid(resource_type, resource_id),
            ends_at,
        )
        for (
            override_id, policy_id, principal_type, principal_id, action, resource_type,
            resource_id, ends_at,
        ) in rows
    ]  # fmt: skip


def _load_grants(tenant_id: UUID) -> Flow[Grants]:
    rows = yield Statement(_GRANTED, (tenant_id,))
    if not rows:
        return Grants()
    found = [
        Grant(
            str(grant_id),
            _uid(principal_type, principal_id),
            frozenset(actions),
            _uid(object_type, object_id),
            ends_at,
            restricted,
        )
        for (
            grant_id, principal_type, principal_id, object_type, object_id, actions, ends_at,
            restricted,
        ) in rows
    ]  # fmt: skip
    groups = yield Statement(_GROUPED, (tenant_id,))
    return Grants(
        found,
        {
            _uid("member", member_id): tuple([_uid("group", one) for one in ids])
            for member_id, ids in groups
        },
    )


def _uid(kind: str, name: object) -> Uid:
    return (_TYPES[kind], str(name))


def current_policies(tenant_id: UUID) -> Flow[PolicyBook]:
    """The book as of now: the one this process has, if the tenant's counters are still the same.

    For callers without a configuration of their own (control plane, console, jobs). The counters
    are read before the rules: a book may be newer than its counters, never older.
    """
    rows = yield Statement(_EPOCH, (tenant_id, PLATFORM))
    if not rows:
        raise NotFound
    policies, principals, is_own = rows[0]
    counters = (policies, principals)
    known = _books.get(tenant_id)
    if known is not None and known[0] == counters:
        return known[1]
    book = yield from load_policies(tenant_id)
    if not is_own:
        if len(_books) >= _MOST_BOOKS:
            _books.clear()
        _books[tenant_id] = (counters, book)
    return book
