"""Denials: the first at once, the same ones as one more, none lost with the process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from audit_helpers import a_call, an_agent
from django.db import OperationalError, connection, transaction

from stateward.gate.audit import denials as module
from stateward.gate.audit.denials import Denials, deny, flush_denials
from stateward.gate.audit.record import compose
from stateward.gate.audit.services import deny_apart, flush, record_apart
from stateward.gate.audit.spool import Spool
from stateward.kernel.flow import Executable, Rows, run
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.servers import ROOT

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def denials(tmp_path: Path) -> Denials:
    return Denials(Spool(tmp_path / "spool"))


def refuse(actor: Actor, denials: Denials, **more: Any) -> None:
    named: dict[str, Any] = {
        "action": "state.write", "resource_type": "entry", "resource_id": "n",
        "reason": "A policy forbids it.", "personal": {"key": "k"},
        "decision": {"id": str(uuid4()), "outcome": "deny_forbid"},
    } | more  # fmt: skip
    run_flow(deny(actor=actor, call=a_call(), denials=denials, **named))


def records(tenant_id: UUID) -> list[tuple[str, Any]]:
    """(outcome, details) of the tenant's records, oldest first."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, record FROM stateward_audit_record WHERE tenant_id = %s ORDER BY seq",
            (tenant_id,),
        )
        return [(row[0], json.loads(bytes(row[1]))["details"]) for row in cursor.fetchall()]


def test_the_first_is_recorded_at_once(denials: Denials) -> None:
    actor = an_agent()

    refuse(actor, denials)

    assert records(actor.tenant_id) == [("deny_forbid", None)]


def test_the_same_again_is_one_more_record_with_its_number(denials: Denials) -> None:
    actor = an_agent()
    for _ in range(1 + 500):
        refuse(actor, denials)
    assert len(records(actor.tenant_id)) == 1

    assert run_flow(flush_denials(denials)) == 0  # the minute is not over
    assert run_flow(flush_denials(denials, everything=True)) == 1

    (_, first), (outcome, more) = records(actor.tenant_id)
    assert (first, outcome, more["count"]) == (None, "deny_forbid", 500)
    assert more["first"] <= more["last"]
    assert run_flow(flush_denials(denials, everything=True)) == 0


@pytest.mark.parametrize(
    "other",
    [{"action": "state.delete"}, {"personal": {"key": "l"}}, {"reason": "Another."},
     {"resource_id": "m"}],
)  # fmt: skip
def test_what_differs_has_a_record_of_its_own(denials: Denials, other: dict[str, Any]) -> None:
    actor = an_agent()

    refuse(actor, denials)
    refuse(actor, denials, **other)

    assert len(records(actor.tenant_id)) == 2


def test_after_the_minute_the_next_is_a_first_again(denials: Denials) -> None:
    denials.window_seconds = 0.0
    actor = an_agent()
    for _ in range(3):
        refuse(actor, denials)

    assert len(records(actor.tenant_id)) == 3


def test_counted_over_the_minute_nothing_is_lost(denials: Denials) -> None:
    """What still comes before the flush belongs to the same count."""
    actor = an_agent()
    refuse(actor, denials)
    refuse(actor, denials)
    for window in denials._windows.values():
        window.ends_at = 0.0
    refuse(actor, denials)

    assert run_flow(flush_denials(denials)) == 1
    assert records(actor.tenant_id)[-1][1]["count"] == 2


def test_past_the_limit_each_is_its_own_record(
    denials: Denials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WINDOWS", 1)
    actor = an_agent()
    for number in (1, 2, 2):
        refuse(actor, denials, resource_id=str(number))

    assert len(records(actor.tenant_id)) == 3


def failing(statement: Executable) -> Rows:
    raise OperationalError(statement.sql)


def test_a_first_that_could_not_be_written_stays_first(denials: Denials) -> None:
    actor = an_agent()
    lost = deny(
        actor=actor, call=a_call(), action="state.write", resource_type="entry", resource_id="n",
        reason="A policy forbids it.", personal={"key": "k"}, outcome="deny_forbid",
        denials=denials,
    )  # fmt: skip
    with pytest.raises(OperationalError):
        run(lost, failing)

    refuse(actor, denials)

    assert len(records(actor.tenant_id)) == 1


def test_counts_that_could_not_be_written_wait(denials: Denials) -> None:
    actor = an_agent()
    for _ in range(4):
        refuse(actor, denials)
    with pytest.raises(OperationalError):
        run(flush_denials(denials, everything=True), failing)

    refuse(actor, denials)
    refuse(actor, denials)

    assert run_flow(flush_denials(denials, everything=True)) == 2
    counts = sorted(details["count"] for _, details in records(actor.tenant_id) if details)
    assert counts == [1, 3]


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r} + "/platform", {root!r}]
import django
django.setup()
from pathlib import Path
from uuid import UUID
from stateward.gate.audit.denials import Denials, deny, flush_denials
from stateward.gate.audit.spool import Spool
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow
tenant = UUID({tenant!r})
actor = Actor("agent", tenant, "booker", tenant, "t", ("builder",), credential_id=tenant)
denials = Denials(Spool(Path({folder!r})))
for number in range(101):
    run_flow(deny(actor=actor, call=Call("r", "192.0.2.7"), action="state.write",
        resource_type="entry", resource_id="n", reason="no", namespace_id=tenant,
        personal={{"key": "k"}}, denials=denials))
if {written}:
    denials.finish = lambda window: os.kill(os.getpid(), signal.SIGKILL)
    run_flow(flush_denials(denials, everything=True))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("written", [False, True])
def test_what_a_killed_process_had_counted_is_written_once(tmp_path: Path, written: bool) -> None:
    tenant_id = uuid4()
    code = KILLED.format(
        root=str(ROOT), tenant=str(tenant_id), folder=str(tmp_path), written=written
    )
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "stateward.settings.test"}
    killed = subprocess.run([sys.executable, "-c", code], env=env, check=False)
    assert killed.returncode == -signal.SIGKILL
    with next(tmp_path.glob("*.jsonl")).open("ab") as torn:
        torn.write(b'{"slot": 9, "con')

    recovered = run_flow(flush_denials(Denials(Spool(tmp_path))))

    assert recovered == (0 if written else 1)
    (_, first), (_, more) = records(tenant_id)
    assert (first, more["count"]) == (None, 100)
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_living_process_spool_is_left_alone(denials: Denials) -> None:
    actor = an_agent()
    refuse(actor, denials)
    refuse(actor, denials)

    assert run_flow(flush_denials(Denials(Spool(denials.spool.folder)))) == 0
    assert len(records(actor.tenant_id)) == 1


def test_an_emptied_spool_is_used_again(denials: Denials) -> None:
    actor = an_agent()
    for _ in range(2):
        refuse(actor, denials)
        refuse(actor, denials)
        assert run_flow(flush_denials(denials, everything=True)) == 1
        assert next(denials.spool.folder.glob("*.jsonl")).read_bytes() == b""


class TestApart:
    def test_a_denial_stands_though_the_request_is_undone(self) -> None:
        actor = an_agent()

        with transaction.atomic():
            deny_apart(
                actor=actor, call=a_call(), action="audit.read", resource_type="audit_log",
                resource_id="x", reason="no",
            )  # fmt: skip
            transaction.set_rollback(True)

        assert records(actor.tenant_id) == [("deny", None)]

    def test_a_record_stands_though_the_request_is_undone(self) -> None:
        actor = an_agent()
        with transaction.atomic():
            record_apart(
                compose(actor=actor, call=a_call(), action="x", resource_type="y", resource_id="z")
            )
            transaction.set_rollback(True)

        assert records(actor.tenant_id) == [("allow", None)]

    def test_everything_is_flushed_at_the_end(self) -> None:
        actor = an_agent()
        for _ in range(2):
            deny_apart(
                actor=actor, call=a_call(), action="audit.read", resource_type="audit_log",
                resource_id="x", reason="no",
            )  # fmt: skip

        flush(everything=True)

        assert [details and details["count"] for _, details in records(actor.tenant_id)] == [
            None, 1,
        ]  # fmt: skip
