"""What the console and the probes are told of sealing."""

from pathlib import Path

import pytest
from audit_helpers import an_agent, connect, seal, write_records

from stateward.gate.audit.health import log_health, sealing_health
from stateward.tenancy.scope import run_flow, tenant_scope

pytestmark = pytest.mark.usefixtures("database")


def test_a_log_says_what_is_sealed_and_what_waits(seals: Path) -> None:
    actor = an_agent()
    with tenant_scope(actor.tenant_id):
        empty = run_flow(log_health(actor.tenant_id))
    write_records(actor, 3)
    seal(seals)
    write_records(actor, 2)

    with tenant_scope(actor.tenant_id):
        health = run_flow(log_health(actor.tenant_id))

    assert (empty.size, empty.sealed_at, empty.unsealed) == (0, None, 0)
    assert (health.size, health.alarm, health.unsealed) == (3, None, 2)
    assert health.unsealed_since is not None
    assert health.sealed_at is not None
    assert health.sealed_at < health.unsealed_since


def test_the_installation_says_when_all_was_sealed(seals: Path) -> None:
    seal(seals)
    fresh = run_flow(sealing_health())
    with connect(autocommit=True) as session:
        session.execute(
            "UPDATE stateward_audit_progress SET caught_up_at = caught_up_at - interval '1 minute'"
        )

    late = run_flow(sealing_health())

    assert not fresh.is_late
    assert late.is_late
    assert late.lag_seconds > 59
    assert not late.is_alive
    assert late.holder == "test"
