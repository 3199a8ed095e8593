"""What a benchmark asks of the product from within: a tenant to measure with, decisions, a bundle.

Each is a process of its own (``python -m bench.product WHAT``) that answers one line of JSON.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import django
from django.core.management import call_command


def prepare() -> dict[str, Any]:
    """Migrate, and make a tenant with an agent, its key and two namespaces."""
    call_command("migrate", database="owner", verbosity=0)
    from governance.people.acts import system_actor, system_call
    from governance.people.services.agents import create_agent
    from governance.people.services.credentials import issue_credential
    from governance.people.services.tenants import create_tenant
    from stateward.state.services.namespaces import create_namespace
    from stateward.tenancy.actors import Actor
    from stateward.tenancy.scope import tenant_scope

    call = system_call()
    tenant = create_tenant(actor=system_actor(None, "bench"), call=call, slug="bench", name="Bench")
    with tenant_scope(tenant.id):
        maker = system_actor(tenant, "bench")
        fields = {"name": "bench", "roles": ["builder"]}
        agent = create_agent(actor=maker, call=call, fields=fields)
        issued = issue_credential(actor=maker, call=call, holder=agent)
        owner = Actor("agent", agent.id, agent.name, tenant.id, tenant.slug, ("builder",))
        create_namespace(owner, call, "bench", {"classification": "internal"})
        create_namespace(owner, call, "secret", {"classification": "confidential"})
    return {"tenant": str(tenant.id), "api_key": issued.api_key}


def decisions() -> dict[str, Any]:
    """Decisions a second: one asked again, and ever new ones under few and under many policies."""
    from stateward.gate.policy.book import PolicyBook
    from stateward.gate.policy.decide import decide
    from stateward.gate.policy.requests import Resource, call_context
    from stateward.gate.policy.rules import Source
    from stateward.tenancy.actors import Actor, Call

    tenant = UUID(int=1)
    actor = Actor("agent", UUID(int=9), "bench", tenant, "bench", ("writer",))
    context = call_context(Call(request_id="bench", source_address="127.0.0.1"))
    attributes = {"name": "desk", "classification": "internal", "owner": "", "scope": "shared"}

    def entry(number: int) -> Resource:
        return Resource("entry", "desk/a", attributes | {"labels": {"case": str(number)}})

    def book(policies: int) -> PolicyBook:
        sources = [
            Source(
                "policy",
                f"p{n}",
                'forbid (principal is Agent, action == Action::"state.write", resource in '
                f'Namespace::"ns{n}") when {{ principal.team == "t{n % 50}" }};',
                1,
                f"id-{n}",
            )
            for n in range(policies)
        ]
        return PolicyBook(tenant, sources, tenant_slug="bench")

    found: dict[str, Any] = {}
    for policies in (10, 10_000):
        rules = book(policies)
        asked = [entry(number) for number in range(30_000)]
        decide(rules, actor, "state.write", entry(-1), context)
        started = time.process_time()
        for resource in asked:
            decide(rules, actor, "state.write", resource, context)
        found[f"uncached_{policies}"] = len(asked) / (time.process_time() - started)
    same = entry(0)
    started = time.process_time()
    for _ in range(300_000):
        decide(rules, actor, "state.write", same, context)
    found["cached"] = 300_000 / (time.process_time() - started)
    if not decide(rules, actor, "state.write", same, context).allowed:
        raise AssertionError("the decision that was measured is not the one that was meant")
    return found


def replay(tenant: str) -> dict[str, Any]:
    """Recorded decisions made again a second of CPU, as a dry run does it: under the rules in
    force, and under 100 policies.
    """
    from governance.policies.dry_runs import Comparison
    from governance.policies.models import DryRun
    from stateward.gate.policy.book import PolicyBook
    from stateward.gate.policy.load import load_policies
    from stateward.gate.policy.rules import Source
    from stateward.kernel.clock import now
    from stateward.tenancy.models import Tenant
    from stateward.tenancy.scope import run_flow, tenant_scope

    until = now()
    made = DryRun(since=until - timedelta(days=1), until=until, namespace="")
    sources = [
        Source("policy", f"p{n}", f'forbid (principal, action, resource in Namespace::"ns{n}");', 1)
        for n in range(100)
    ]
    with tenant_scope(UUID(tenant)):
        whose = Tenant.objects.get(id=tenant)
        rules = run_flow(load_policies(whose.id))
    comparison = Comparison(
        whose, made, rules, PolicyBook(whose.id, sources, tenant_slug=whose.slug)
    )
    started = time.process_time()
    for _ in comparison.batches():
        pass
    seconds = time.process_time() - started
    if comparison.tally.undecidable or comparison.tally.same_rules_differ:
        raise AssertionError("the log cannot be replayed exactly")
    return {"replay": 2 * comparison.tally.records / seconds, "replayed": comparison.tally.records}


def bundle(tenant: str, path: str, since: str) -> dict[str, Any]:
    """Export what was recorded ``since`` to ``path``."""
    from stateward.gate.audit.bundle import write_bundle
    from stateward.gate.audit.filters import RecordFilter
    from stateward.tenancy.scope import run_flow, tenant_scope

    wanted = RecordFilter(UUID(tenant), since=datetime.fromisoformat(since))
    with tempfile.TemporaryFile() as body, tenant_scope(UUID(tenant)):
        first = run_flow(write_bundle(wanted, body))
        body.seek(0)
        with Path(path).open("wb") as file:
            file.write(first.encode())
            shutil.copyfileobj(body, file)
    return {"records": int(re.findall(r'"count":\s*(\d+)', first)[0])}


if __name__ == "__main__":
    django.setup()
    what = {"prepare": prepare, "decisions": decisions, "bundle": bundle, "replay": replay}[
        sys.argv[1]
    ]
    sys.stdout.write(json.dumps(what(*islice(sys.argv, 2, None))))
