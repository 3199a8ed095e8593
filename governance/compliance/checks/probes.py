"""What must be refused, tried: C12, C13."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

from django.db import connection

from governance.compliance.asking import rows
from governance.compliance.decisions import Decisions
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally
from stateward.gate.policy.requests import Resource
from stateward.gate.policy.vocabulary import ACTIONS
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import tenant_scope

AREA = "Walls"

TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND NOT c.relispartition
  AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""
# Asked before the tenant is known, or by all: ids and counters, nothing of anyone's.
OPEN = frozenset({"stateward_credential_index", "stateward_epoch", "stateward_job_open"})


@check(
    "C12",
    "What no rule allows is refused",
    area=AREA,
    severity="critical",
    proves="A member and an agent without any role, and an owner of another tenant, are refused"
    " every action on the tenant and its namespaces, by the real decision point.",
    does_not_prove="That rules for people with roles are narrow enough. Past the threshold of"
    " namespaces, a random choice of them is tried.",
)
def default_deny(ground: Ground) -> Answer:
    decisions = Decisions(ground)
    namespaces = decisions.namespaces
    most = ground.number("probe_namespaces")
    if len(namespaces) > most:
        namespaces = random.sample(namespaces, most)  # a sample, no secret
    tally = Tally("probe,probes")
    allowed: dict[str, list[str]] = defaultdict(list)
    for actor in _strangers(ground):
        for action in ACTIONS:
            for resource in decisions.resources(action, namespaces):
                tally.population += 1
                decision = decisions.decide(actor, action, resource)
                if decision.allowed:
                    rule = decision.determining[0].rpartition("@")[0] or decision.determining[0]
                    allowed[rule].append(f"{action} on {_named(resource)}")
    for rule, what in sorted(allowed.items()):
        detail = f"It lets a stranger do {what[0]}"
        detail += f" and {len(what) - 1:,} more things." if len(what) > 1 else "."
        tally.fail(Item("rule", rule, rule, detail))
        tally.failing += len(what) - 1
    return tally.answer("were refused", "were allowed", nothing="There was nothing to try.")


def _strangers(ground: Ground) -> list[Actor]:
    member = Actor(
        "member", uuid7(), "probe", ground.tenant_id, ground.tenant_slug, (),
        auth_method="session", mfa=True,
    )  # fmt: skip
    agent = replace(member, type="agent", id=uuid7(), auth_method="api_key")
    foreign = replace(member, id=uuid7(), tenant_id=uuid7(), tenant_slug="other", roles=("owner",))
    return [member, agent, foreign]


def _named(resource: Resource) -> str:
    return resource.id if resource.type in {"namespace", "entry"} else f"the {resource.type}"


@check(
    "C13",
    "Another tenant sees none of this one's rows",
    area=AREA,
    severity="critical",
    proves="Asked from within another tenant's scope, no table shows a row of this tenant; each"
    " table of tenants has forced row-level security.",
    does_not_prove="Anything about a connection as the database's owner, or about the API, whose"
    " tests are the release's.",
)
def walls_hold(ground: Ground) -> Answer:
    tally = Tally("table of tenants,tables of tenants")
    with tenant_scope(uuid7()):
        for name, is_walled, is_readable in rows(TABLES):
            if name in OPEN:
                continue
            faults = [] if is_walled else ["Row-level security is not forced on it."]
            if is_readable and _shows(ground, name):
                faults.append("It shows this tenant's rows to another.")
            tally.add(Item("table", name, name, " ".join(faults)) if faults else None)
    return tally.answer(
        "show nothing to another tenant",
        "show rows to another tenant, or would",
        nothing="There is no table of tenants.",
    )


def _shows(ground: Ground, table: str) -> bool:
    name = connection.ops.quote_name(table)  # from the catalogue
    return bool(rows(f"SELECT 1 FROM {name} WHERE tenant_id = %s LIMIT 1", (ground.tenant_id,)))
