"""A read under a purpose: asked for where a policy says so, on record, and found by it."""

from __future__ import annotations

import pytest

from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import search_records
from stateward.kernel.errors import Forbidden
from stateward.state.queries import get_entry
from stateward.tenancy.actors import Call
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import make_world

NEEDS_PURPOSE = """
forbid (principal, action == Action::"state.read_value", resource)
when { resource.namespace == "airline.passengers" }
unless { context has purpose };
"""


@pytest.mark.usefixtures("database")
def test_a_namespace_can_ask_for_a_purpose_and_records_are_found_by_it() -> None:
    world = make_world()
    looker = world.agent("looker", "reader")
    world.namespace("airline.passengers", classification="confidential")
    world.put("airline.passengers", "mia", {"name": "Mia Li"})
    world.policy("purpose-needed", NEEDS_PURPOSE)

    with tenant_scope(world.tenant.id), pytest.raises(Forbidden):
        run_flow(get_entry(looker, Call("r-1"), "airline.passengers", "mia"))
    with tenant_scope(world.tenant.id):
        call = Call("r-2", purpose="seat change")
        run_flow(get_entry(looker, call, "airline.passengers", "mia"))
    with tenant_scope(world.tenant.id):
        found, _ = run_flow(search_records(RecordFilter(world.tenant.id, purpose="seat change")))

    assert [(one.action, one.payload["purpose"]) for one in found] == [
        ("state.read_value", "seat change")
    ]
