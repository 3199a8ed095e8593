"""The permissions that guardian's rows refer to: one for each name that can be granted on a kind of
object. Our vocabulary as rows, made again after every migration.
"""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from governance.grants.models import Branch
from governance.grants.words import ObjectType, grantable
from stateward.gate.policy.models import Policy
from stateward.state.models import Namespace
from stateward.tenancy.models import Agent, Tenant

# A branch takes what a namespace takes.
MODELS: dict[str, tuple[type[Model], ObjectType]] = {
    "tenant": (Tenant, "tenant"),
    "namespace": (Namespace, "namespace"),
    "branch": (Branch, "namespace"),
    "agent": (Agent, "agent"),
    "policy": (Policy, "policy"),
}


def ensure_permissions(using: str) -> None:
    for model, kind in MODELS.values():
        content_type = ContentType.objects.db_manager(using).get_for_model(model)
        known = Permission.objects.using(using).filter(content_type=content_type)
        missing = grantable(kind) - set(known.values_list("codename", flat=True))
        Permission.objects.using(using).bulk_create(
            Permission(content_type=content_type, codename=name, name=name)
            for name in sorted(missing)
        )


def permissions_for(place: str, names: frozenset[str]) -> list[Permission]:
    """The rows of ``names`` for such an object."""
    content_type = ContentType.objects.get_for_model(MODELS[place][0])
    return list(
        Permission.objects.filter(content_type=content_type, codename__in=names).order_by(
            "codename"
        )
    )
