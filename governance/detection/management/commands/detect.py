"""Look now: ``manage.py detect [--tenant SLUG]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from governance.detection.looking import Looked, look_at
from stateward.kernel.errors import NotFound
from stateward.operations.commands import JsonCommand
from stateward.tenancy.models import PLATFORM, Tenant


class Command(JsonCommand):
    help = "Evaluate the detection rules over what is new since the last look."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="only this tenant, and the platform")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        tenants = Tenant.objects.order_by("id")
        if options["tenant"]:
            tenants = tenants.filter(slug=options["tenant"])
            if not tenants:
                raise NotFound(f"There is no tenant {options['tenant']!r}.")
        looked = Looked()
        for tenant_id in [PLATFORM, *tenants.values_list("id", flat=True)]:
            looked.add(look_at(tenant_id))
        found = looked.opened + looked.grew + looked.failed > 0
        return {"tenants": len(tenants), **looked.as_counts()}, found
