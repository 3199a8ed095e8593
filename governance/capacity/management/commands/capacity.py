"""How a tenant's storage grows and when it runs out, as one JSON object."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from governance.capacity.queries import find_report
from stateward.kernel.errors import NotFound
from stateward.operations.commands import JsonCommand
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope


class Command(JsonCommand):
    help = (
        "`capacity report --tenant SLUG` measures what the tenant stores, forecasts it, and keeps "
        "the report. Exit code 2: something runs out within 30 days."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["report"])
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise NotFound(f"There is no tenant {options['tenant']}.")
        outcome = run_here("capacity.report", tenant_id=tenant.id)
        with tenant_scope(tenant.id):
            kept = run_flow(find_report(tenant.id, UUID(outcome.result["report"])))
        return kept.body | {"report": str(kept.id)}, outcome.has_findings
