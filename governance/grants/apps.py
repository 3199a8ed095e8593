from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def make_permissions(using: str, **_: Any) -> None:
    from governance.grants.permissions import ensure_permissions  # noqa: PLC0415

    ensure_permissions(using)


class GrantsConfig(AppConfig):
    name = "governance.grants"
    label = "grants"
    verbose_name = "Grants on single objects, and groups of members"

    def ready(self) -> None:
        post_migrate.connect(make_permissions, sender=self)
