"""``manage.py compliance scan --tenant SLUG [--check ID]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from governance.compliance.api.bodies import finding_body
from governance.compliance.queries import Wanted, findings_of
from governance.compliance.registry import find_check
from stateward.kernel.errors import NotFound
from stateward.operations.commands import JsonCommand
from stateward.operations.jobs.services import run_here
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope

COUNTS = ("checks", "passed", "failed", "not_applicable", "insufficient", "errors")


class Command(JsonCommand):
    help = "Scan a tenant's compliance here and now; prints counts and the findings that are open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["scan"])
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--check", default="", metavar="ID", help="only this check")

    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise NotFound(f"There is no tenant {options['tenant']}.")
        check_id = options["check"]
        if check_id and find_check(check_id) is None:
            raise NotFound(f"There is no check {check_id}.")
        params = {"trigger": "command", "check": check_id}
        outcome = run_here("compliance.scan", tenant_id=tenant.id, params=params)
        findings = open_findings(tenant, check_id)
        answer = {
            "tenant": tenant.slug,
            **{name: outcome.result[name] for name in COUNTS},
            "findings": findings,
        }
        return answer, bool(findings)


def open_findings(tenant: Tenant, check_id: str) -> list[dict[str, Any]]:
    """Those that stand: neither resolved nor accepted."""
    with tenant_scope(tenant.id):
        found = findings_of(tenant.id, Wanted(status="unresolved", check_id=check_id or None))
        standing = found.exclude(standing="accepted").order_by("check_id", "id")
        return [finding_body(finding) for finding in standing]
