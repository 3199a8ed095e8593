"""Who was given what on which object: django-guardian's object permissions with direct foreign
keys, one table for each kind of object and principal.

A grant is the rows that share a ``grant_id``, one for each action it names. The rows carry why, by
whom and until when. Guardian's own (generic) tables hold nothing: no row there could be kept within
a tenant. Guardian stores; whether something is allowed is decided by ``gate.policy`` alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from guardian.models import (
    BaseObjectPermission,
    GroupObjectPermissionBase,
    UserObjectPermissionBase,
)

from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant


def within_tenant(to: str, related_name: str = "+") -> Any:
    """A reference whose constraint carries the tenant (see the migration)."""
    return models.ForeignKey(to, models.CASCADE, db_constraint=False, related_name=related_name)


class Group(models.Model):
    """A named set of members of one tenant. What is granted to it, each of them holds."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_group"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="group_name_once_per_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """A member in a group."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    group = within_tenant("grants.Group", "members")
    member = within_tenant("tenancy.Member")
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_group_member"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "group", "member"], name="group_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id}"


class Branch(models.Model):
    """A name beneath which namespaces lie while none is called so itself: ``airline`` where there
    is ``airline.bookings``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    name = models.CharField(max_length=640)

    class Meta:
        db_table = "stateward_branch"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="branch_name_once_per_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class Given(models.Model):
    """What every row of a grant tells besides guardian's principal, permission and object."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    grant_id = models.UUIDField()
    restricted = models.BooleanField(default=False)
    ends_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500)
    giver_type = models.CharField(max_length=16)
    giver_id = models.UUIDField()
    giver_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class AgentObjectPermissionBase(BaseObjectPermission):
    """Guardian knows users and groups; programs are a third kind of principal here."""

    agent = within_tenant("tenancy.Agent")

    class Meta:
        abstract = True


class ToMember(Given, UserObjectPermissionBase):
    """To a person as a member of this tenant: the row goes with their membership."""

    member = within_tenant("tenancy.Member")

    class Meta:
        abstract = True


class ToGroup(Given, GroupObjectPermissionBase):
    group = within_tenant("grants.Group")

    class Meta:
        abstract = True


class ToAgent(Given, AgentObjectPermissionBase):
    class Meta:
        abstract = True


def _table(place: str, to: Any, about: str) -> Any:
    """The table of grants on one kind of object to one kind of principal: guardian's row with a
    key of its own to that object.
    """
    kind = to.__name__.removeprefix("To")
    meta = type("Meta", (), {"db_table": f"stateward_grant_{place}_{kind.lower()}"})
    members = {"__module__": __name__, "content_object": within_tenant(about), "Meta": meta}
    return type(f"{place.title()}{to.__name__}", (to,), members)


# Where the rows of a grant lie, by the object's kind (a branch is a name of namespaces) and the
# principal's.
TABLES: dict[tuple[str, str], Any] = {
    ("tenant", "member"): _table("tenant", ToMember, "tenancy.Tenant"),
    ("tenant", "group"): _table("tenant", ToGroup, "tenancy.Tenant"),
    ("tenant", "agent"): _table("tenant", ToAgent, "tenancy.Tenant"),
    ("namespace", "member"): _table("namespace", ToMember, "state.Namespace"),
    ("namespace", "group"): _table("namespace", ToGroup, "state.Namespace"),
    ("namespace", "agent"): _table("namespace", ToAgent, "state.Namespace"),
    ("branch", "member"): _table("branch", ToMember, "grants.Branch"),
    ("branch", "group"): _table("branch", ToGroup, "grants.Branch"),
    ("branch", "agent"): _table("branch", ToAgent, "grants.Branch"),
    ("agent", "member"): _table("agent", ToMember, "tenancy.Agent"),
    ("agent", "group"): _table("agent", ToGroup, "tenancy.Agent"),
    ("policy", "member"): _table("policy", ToMember, "policy.Policy"),
    ("policy", "group"): _table("policy", ToGroup, "policy.Policy"),
}


class Grant(models.Model):
    """A grant as one row: a view over all of those tables, with the names people know. Grants on a
    namespace that was deleted are not in it, nor in force.
    """

    id = models.UUIDField(primary_key=True)
    tenant_id = models.UUIDField()
    principal_type = models.CharField(max_length=16)
    principal_id = models.UUIDField()
    principal_name = models.CharField(max_length=200)
    object_type = models.CharField(max_length=16)
    object_id = models.CharField(max_length=640)  # as decisions name it
    object_name = models.CharField(max_length=640)
    is_branch = models.BooleanField()
    actions = ArrayField(models.CharField(max_length=100))
    restricted = models.BooleanField()
    ends_at = models.DateTimeField(null=True)
    has_ended = models.BooleanField()
    reason = models.CharField(max_length=500)
    giver_type = models.CharField(max_length=16)
    giver_id = models.UUIDField()
    giver_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "stateward_grant"

    def __str__(self) -> str:
        return f"{self.principal_name} on {self.object_name}"
