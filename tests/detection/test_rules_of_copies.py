"""Rule 21: a log that is not what was sealed (F23), and copies of it that do not keep up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from governance.detection.rules import copies
from governance.sinks.models import Sink
from stateward.gate.audit.proofs import record_index
from stateward.kernel.clock import now
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import an_agent, connect, seal, write_records
from tests.detection.scenes import alerts, look
from tests.factories.api import new_tenant

pytestmark = pytest.mark.usefixtures("database")

EDITED = (
    "UPDATE stateward_audit_record SET record ="
    " convert_to(replace(convert_from(record, 'UTF8'), 'booker', 'bandit') || ' ', 'UTF8')"
    " WHERE id = %s"
)
REMOVED = "DELETE FROM stateward_audit_record WHERE id = %s"
INSERTED = (
    "INSERT INTO stateward_audit_record SELECT tenant_id, at, gen_random_uuid(), seq, xid,"
    " action, outcome, actor_type, actor_id, 'bandit', resource_type, resource_id,"
    " namespace_id, classification, decision_id, request_id, run, record || ' ', payload"
    " FROM stateward_audit_record WHERE id = %s"
)


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


def sealed(tenant: Tenant, count: int) -> list[Any]:
    ids = write_records(an_agent(tenant.id), count)
    seal(Path(settings.HOME) / "seals")
    return ids


def by_hand(sql: str, *parameters: Any) -> None:
    with connect(autocommit=True) as superuser:
        superuser.execute(sql, parameters)


def test_a_log_that_is_whole_raises_nothing(tenant: Tenant) -> None:
    sealed(tenant, 40)
    look(tenant)

    assert alerts(tenant.id, "log_altered") == []


@pytest.mark.parametrize("sql", [EDITED, REMOVED, INSERTED], ids=["edited", "removed", "inserted"])
def test_what_a_superuser_does_to_the_log_is_told(tenant: Tenant, sql: str) -> None:
    ids = sealed(tenant, 40)
    by_hand(sql, ids[20])

    look(tenant)

    (alert,) = alerts(tenant.id, "log_altered")
    assert alert.severity == "critical"


def test_records_put_back_with_the_same_ids_are_told(tenant: Tenant) -> None:
    ids = sealed(tenant, 130)
    by_hand(
        "WITH gone AS (DELETE FROM stateward_audit_record WHERE id = ANY (%s) RETURNING *)"
        " INSERT INTO stateward_audit_record SELECT tenant_id, at, id,"
        " nextval('stateward_order'), pg_current_xact_id(), action, outcome, actor_type,"
        " actor_id, 'bandit', resource_type, resource_id, namespace_id, classification,"
        " decision_id, request_id, run,"
        " convert_to(replace(convert_from(record, 'UTF8'), 'allow', 'deny_'), 'UTF8'), payload"
        " FROM gone",
        ids[-100:],
    )

    look(tenant)

    (alert,) = alerts(tenant.id, "log_altered")
    assert "no longer holds the record that was sealed there" in alert.said
    assert alert.count >= 100


def test_older_places_have_their_turn(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "LOOKED_AT", 16)
    ids = sealed(tenant, 60)
    by_hand(REMOVED, ids[1])
    seen = set()
    for turn in range(8):
        with tenant_scope(tenant.id):
            parts = run_flow(copies._walked(tenant.id, turn))
        seen |= {one.index for part in parts for one in part.places if one.record is None}

    assert len(seen) == 1


def test_a_documented_erasure_raises_nothing(tenant: Tenant) -> None:
    ids = sealed(tenant, 10)
    with tenant_scope(tenant.id):
        place, _ = run_flow(record_index(tenant.id, ids[3]))
    write_records(
        an_agent(tenant.id), 1, action="audit.erase", extra={"erased": [[place, place + 1]]}
    )
    seal(Path(settings.HOME) / "seals")
    by_hand(REMOVED, ids[3])

    look(tenant)

    assert alerts(tenant.id, "log_altered") == []


@pytest.mark.parametrize(
    ("minutes", "state", "fires"),
    [(11, "active", 1), (5, "active", 0), (11, "paused", 0), (5, "disabled", 1)],
)
def test_a_sink_that_fails_too_long_is_told(
    tenant: Tenant, minutes: int, state: str, fires: int
) -> None:
    with tenant_scope(tenant.id):
        Sink.objects.create(
            tenant_id=tenant.id, name="siem", kind="webhook", said="The receiver answered 500.",
            state=state, failing_since=now() - timedelta(minutes=minutes),
        )  # fmt: skip

    look(tenant)
    look(tenant)

    found = alerts(tenant.id, "sink_failing")
    assert len(found) == fires
    assert all("siem" in one.said and "500" in one.said for one in found)
