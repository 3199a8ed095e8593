"""What retention rules would delete, as one JSON object."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from governance.retention.preview import body, look_at
from governance.retention.queries import database_time, newest_rules, unruled_namespaces
from stateward.kernel.errors import NotFound
from stateward.operations.commands import JsonCommand
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope


class Command(JsonCommand):
    help = (
        "`retention preview --tenant SLUG` counts what the rules would delete today and changes "
        "nothing; `retention sweep --tenant SLUG` deletes what is due by rules in force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["preview", "sweep"])
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise NotFound(f"There is no tenant {options['tenant']}.")
        if options["act"] == "sweep":
            outcome = run_here("retention.sweep", tenant_id=tenant.id)
            return {"tenant": tenant.slug, **outcome.result}, outcome.has_findings
        with tenant_scope(tenant.id):
            now = database_time()
            rules = newest_rules(tenant.id, now)
            found = look_at(tenant.id, rules)
            unruled = unruled_namespaces(tenant.id, now, rules=rules)
        return body(tenant.slug, found, unruled), False
