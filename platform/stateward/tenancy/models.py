"""Who there is: tenants, the people who are members of them, the agents, and the credentials both
present.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from stateward.kernel.ids import uuid7

MEMBER_ROLES = ("owner", "admin", "editor", "auditor", "viewer")
AGENT_ROLES = ("builder", "writer", "reader")
RISK_CLASSES = ("minimal", "limited", "high")

# The platform's own epoch row and audit tree live under the nil tenant.
PLATFORM = UUID(int=0)


class Tenant(models.Model):
    """One customer of the installation. Everything an agent writes belongs to exactly one."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        CLOSED = "closed"  # nothing is answered but export and deletion

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_tenant"

    def __str__(self) -> str:
        return self.slug


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email=(username or "").lower())


class Person(AbstractBaseUser):
    """A human being who can sign in. What they may do comes from their memberships, never from a
    flag here.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    # May create and close tenants; sees no tenant's data.
    is_operator = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = PersonManager()

    class Meta:
        db_table = "stateward_person"

    def __str__(self) -> str:
        return self.name or self.email


class Member(models.Model):
    """A person in a tenant, with roles there."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    person = models.ForeignKey(Person, models.CASCADE, related_name="memberships")
    roles = ArrayField(models.CharField(max_length=16))
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_member"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "person"], name="member_once_per_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.tenant}"


class Agent(models.Model):
    """A principal that is a program."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"  # every call is refused until someone resumes it
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="agents")
    name = models.CharField(max_length=100)
    roles = ArrayField(models.CharField(max_length=16))
    framework = models.CharField(max_length=100, blank=True)
    team = models.CharField(max_length=100, blank=True)
    environment = models.CharField(max_length=50, blank=True)
    risk_class = models.CharField(max_length=16, default="limited")
    owner = models.ForeignKey(Member, models.SET_NULL, null=True, blank=True, related_name="agents")
    purpose = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stateward_agent"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="agent_name_once_per_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class Credential(models.Model):
    """An API key of an agent, or a member's personal token. Only a keyed hash of the secret is
    kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="credentials")
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, related_name="credentials")
    member = models.ForeignKey(Member, models.CASCADE, null=True, related_name="credentials")
    key_id = models.CharField(max_length=24, unique=True)
    secret_hash = models.BinaryField()
    label = models.CharField(max_length=200, blank=True)
    # Names of actions or of groups of them; null caps nothing.
    scopes = ArrayField(models.CharField(max_length=64), null=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True)  # null: never; only where settings allow it
    revoked_at = models.DateTimeField(null=True)
    # The key that takes this one's place; until this one's new expiry both work.
    replaced_by = models.UUIDField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_address = models.GenericIPAddressField(null=True)

    class Meta:
        db_table = "stateward_credential"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(agent__isnull=False, member__isnull=True)
                | models.Q(agent__isnull=True, member__isnull=False),
                name="credential_has_one_holder",
            )
        ]

    def __str__(self) -> str:
        return f"sw_{self.key_id}_…"


class CredentialIndex(models.Model):
    """Which tenant a key id belongs to: all that can be asked before the tenant is known. Holds
    nothing secret.
    """

    key_id = models.CharField(primary_key=True, max_length=24)
    tenant_id = models.UUIDField()

    class Meta:
        db_table = "stateward_credential_index"

    def __str__(self) -> str:
        return self.key_id


class Epoch(models.Model):
    """The counter under which a tenant's configuration is cached; see ``tenancy/epochs.py``.

    Each kind of input keeps its own counter beneath, so that a new namespace does not throw away
    parsed policies.
    """

    tenant_id = models.UUIDField(primary_key=True)
    epoch = models.BigIntegerField(default=1)
    principals = models.BigIntegerField(default=1)  # members, agents, credentials, roles
    policies = models.BigIntegerField(default=1)
    namespaces = models.BigIntegerField(default=1)
    schemas = models.BigIntegerField(default=1)
    keys = models.BigIntegerField(default=1)

    class Meta:
        db_table = "stateward_epoch"

    def __str__(self) -> str:
        return f"{self.tenant_id} @ {self.epoch}"
