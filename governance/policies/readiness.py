"""What a version needs before it is put in force, other people's agreement aside: a level that fits
it, a dry run where the tenant asks for one, and tests that hold.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from governance.policies.cases import failing
from governance.policies.exceptions import DryRunNeeded, PolicyTestsFailed
from governance.policies.models import DryRun, PolicySetting
from stateward.gate.policy.levels import DECIDING, Level
from stateward.gate.policy.models import Policy, PolicyVersion
from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.gate.policy.statements import parse
from stateward.gate.policy.tokens import TextFault
from stateward.kernel.errors import unfit
from stateward.state.models import Namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import tenant_scope

LONGEST_HOURS = 24 * 30


def check_ready(policy: Policy, version: PolicyVersion, level: Level) -> None:
    """DryRunNeeded or PolicyTestsFailed (409); a level that decides nothing needs neither."""
    check_level(version.text, level)
    if level not in DECIDING:
        return
    hours = dry_run_hours(policy)
    if hours and newest_dry_run(policy, version, hours) is None:
        raise DryRunNeeded(
            f"Try version {version.number} first: its last dry run may be {hours} hours old."
        )
    failed = failing(policy, version.text, version.number)
    if failed:
        names = ", ".join(one.name for one in failed[:5])
        raise PolicyTestsFailed(f"{len(failed)} of its tests fail: {names}.")


def check_level(text: str, level: Level) -> None:
    """A permit allows or does not: only a policy of forbids can warn, or have exceptions."""
    statements = parse(text)
    if level not in {"advisory", "soft"} or isinstance(statements, TextFault):
        return
    if any(one.effect == "permit" for one in statements):
        raise unfit("level", "a policy that permits is shadow or hard; split it from its forbids")


def dry_run_hours(policy: Policy) -> int:
    setting = PolicySetting.objects.filter(tenant_id=policy.tenant_id).first()
    return setting.dry_run_hours if setting else 0


def newest_dry_run(policy: Policy, version: PolicyVersion, hours: int) -> DryRun | None:
    """A finished dry run of this very text, not older than ``hours``."""
    found = DryRun.objects.filter(
        tenant_id=policy.tenant_id,
        policy=policy,
        sha256=version.sha256,
        finished_at__gt=Now() - timedelta(hours=hours),
    )
    return found.order_by("-id").first()


def opens_restricted(policy: Policy, version: PolicyVersion) -> bool:
    """Whether the newest dry run of it let somebody in to a restricted namespace."""
    found = newest_dry_run(policy, version, LONGEST_HOURS)
    groups = (found.result or {}).get("groups", ()) if found else ()
    names = {one["namespace"] for one in groups if one["change"] == "deny_to_allow"} - {None}
    if not names:
        return False
    return Namespace.objects.filter(
        tenant_id=policy.tenant_id, name__in=names, classification="restricted"
    ).exists()


def ask_for_dry_runs(actor: Actor, call: Call, *, hours: int) -> int:
    """Set how old a version's dry run may be when it is put in force; 0 asks for none."""
    if not 0 <= hours <= LONGEST_HOURS:
        raise unfit("dry_run_hours", f"0 to {LONGEST_HOURS}")
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "tenant.manage", whole_tenant(actor))
        PolicySetting.objects.update_or_create(
            tenant_id=actor.tenant_id, defaults={"dry_run_hours": hours}
        )
        details = {"event": "policies.settings", "dry_run_hours": hours}
        record(call, decision, "tenant.manage", whole_tenant(actor), details)
        return hours
