"""Questions about grants and groups. All inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import BooleanField, F, Func, Q, QuerySet

from governance.grants.models import Grant, Group, GroupMember
from governance.grants.objects import Target

MAX_GRANTS = 20_000
MAX_GROUPS = 1_000

_COUNT = """
SELECT count(*) FROM (
    SELECT DISTINCT grant_id FROM stateward_grant_row WHERE tenant_id = %s LIMIT %s) g
"""


def newest(tenant_id: UUID, rows: QuerySet[Grant, Grant], limit: int) -> list[Grant]:
    """The newest of ``rows``. Their ids are an array first, which reaches into the view: only of
    these few are the names looked up.
    """
    ids = ArraySubquery(rows.order_by("-id").values("id")[:limit])
    any_of = {"template": "%(expressions)s)", "arg_joiner": " = ANY("}
    among = Func(F("id"), ids, **any_of, output_field=BooleanField())
    return list(Grant.objects.filter(among, tenant_id=tenant_id).order_by("-id"))


def by_ids(tenant_id: UUID, ids: Iterable[UUID | str]) -> list[Grant]:
    wanted = list(ids)
    if not wanted:
        return []
    return list(Grant.objects.filter(tenant_id=tenant_id, id__in=wanted).order_by("-id"))


def grants_about(tenant_id: UUID, target: Target) -> QuerySet[Grant, Grant]:
    """Those given on exactly this object."""
    return Grant.objects.filter(tenant_id=tenant_id, object_type=target.kind, object_id=target.id)


def grants_reaching(tenant_id: UUID, target: Target) -> QuerySet[Grant, Grant]:
    """Those given on it or on anything above it."""
    at = Q(object_type="tenant") | Q(object_type=target.kind, object_id=target.id)
    if target.kind == "namespace":
        path = target.id.split(".")
        above = [".".join(path[:end]) for end in range(1, len(path))]
        at |= Q(object_type="namespace", object_id__in=above)
    return Grant.objects.filter(at, tenant_id=tenant_id)


def grants_to(
    tenant_id: UUID, kind: str, principal_id: UUID, groups: tuple[UUID, ...] = ()
) -> QuerySet[Grant, Grant]:
    """Those given to somebody, or to the groups they are in."""
    theirs = Q(principal_type=kind, principal_id=principal_id)
    if groups:
        theirs |= Q(principal_type="group", principal_id__in=groups)
    return Grant.objects.filter(theirs, tenant_id=tenant_id)


def groups_of(tenant_id: UUID, member_id: UUID) -> list[Group]:
    return list(
        Group.objects.filter(tenant_id=tenant_id, members__member_id=member_id).order_by("name")
    )


def members_of(group: Group) -> QuerySet[GroupMember, GroupMember]:
    rows = GroupMember.objects.filter(tenant_id=group.tenant_id, group=group)
    return rows.select_related("member__person")


def has_room(tenant_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, (tenant_id, MAX_GRANTS))
        row = cursor.fetchone()
    return bool(row) and row[0] < MAX_GRANTS
