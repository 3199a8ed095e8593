"""Who read an entry, and what a run had read before it wrote: over REST, with what is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from stateward.gate.audit.many import prove_many
from stateward.gate.audit.record import append, compose
from stateward.kernel.clock import now
from stateward.state.models import Namespace
from stateward.state.services.namespaces import create_namespace
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import connect, seal
from tests.factories.api import Api, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")


class Log:
    """Records as the write path leaves them."""

    def __init__(self) -> None:
        self.tenant: Tenant = new_tenant()
        agent = make_agent(self.tenant, "builder", name="booker")
        self.agent = Actor(
            "agent", agent.id, "booker", self.tenant.id, self.tenant.slug, ("builder",)
        )
        self.auditor = Api(make_member(self.tenant, "auditor"))
        with tenant_scope(self.tenant.id):
            create_namespace(self.agent, Call("r-0"), "people", {"classification": "confidential"})
            self.namespace = Namespace.objects.get(tenant_id=self.tenant.id, name="people")

    def write(self, action: str, *, run: str | None = None, version: int = 1, **more: Any) -> UUID:
        named: dict[str, Any] = {
            "resource_type": "entry",
            "resource_id": str(self.namespace.id),
            "namespace_id": self.namespace.id,
            "classification": "confidential",
            "personal": {"key": "mia"},
        }
        call = Call("r-1", "192.0.2.7", run=run, purpose=more.pop("purpose", None))
        draft = compose(actor=self.agent, call=call, action=action, **named | more)
        with tenant_scope(self.tenant.id):
            run_flow(append(draft, version=version if action == "state.write" else None))
        return draft.id

    def read(self, **more: Any) -> UUID:
        return self.write(
            "state.read_value", **{"extra": {"operation": "read", "version": 1}} | more
        )

    def readers(self, key: str = "mia") -> Any:
        answer = self.auditor("GET", f"/audit/readers?namespace=people&key={key}")
        assert answer.status_code == 200, answer.content
        return answer.json()


@pytest.fixture
def log() -> Log:
    return Log()


def test_reads_are_told_by_reader_with_why_and_proof(log: Log) -> None:
    decision = {"id": str(uuid4()), "code": "allow", "determining": ["role:writer"]}
    log.read(purpose="a seat", decision=decision, reason="Allowed by the role writer.")
    log.read(decision=decision, reason="Allowed by the role writer.")
    log.read(outcome="deny_forbid")
    log.read(personal={"key": "someone else"})
    seal(Path(settings.HOME) / "seals")

    said = log.readers()

    (reader,) = said["readers"]
    assert (reader["name"], reader["count"], reader["purposes"]) == ("booker", 2, ["a seat"])
    assert reader["why"] == [
        {"determining": ["role:writer"], "reason": "Allowed by the role writer.", "count": 2}
    ]
    assert all(one["place"] is not None for one in reader["reads"])
    assert said["refused"][0]["count"] == 1
    assert (said["seal"]["proven"], said["seal"]["broken"]) == (3, [])


@pytest.mark.parametrize(
    ("keys", "certain"),
    [("leo,mia", [True]), ("leo,max", []), ("x" * 2_000, [False]), (None, [False])],
)
def test_a_read_of_many_says_whether_it_knows(
    log: Log, keys: str | None, certain: list[bool]
) -> None:
    personal = {"keys": keys} if keys else {}
    log.read(personal=personal, extra={"operation": "list", "entries": 2})

    found = [read["is_certain"] for one in log.readers()["readers"] for read in one["reads"]]

    assert found == certain


def test_what_waits_for_its_seal_is_not_called_proven(log: Log) -> None:
    log.read()

    said = log.readers()

    assert (said["seal"]["proven"], said["seal"]["waiting"]) == (0, 1)


@pytest.mark.parametrize("count", [1, 40, 90])
def test_many_are_proven_as_each_would_be(log: Log, count: int) -> None:
    began = now()
    ids = [log.read() for _ in range(count)]
    seal(Path(settings.HOME) / "seals")
    with connect(autocommit=True) as superuser:
        superuser.execute(
            "UPDATE stateward_audit_record SET record = record || ' ' WHERE id = %s", (ids[0],)
        )

    with tenant_scope(log.tenant.id):
        asked = [(one, began) for one in ids] + [(ids[-1], now())]
        proven = run_flow(prove_many(log.tenant.id, asked))

    assert proven.broken == {ids[0]}
    assert sorted(proven.places) == sorted(ids[1:])
    assert sorted(proven.places.values()) == list(
        range(min(proven.places.values(), default=0), max(proven.places.values(), default=-1) + 1)
    )


def test_lineage_is_what_the_run_did_before_this_write(log: Log) -> None:
    first = log.read(run="run-1")
    other = log.write("state.write", run="run-1")
    log.read(run="run-2")
    written = log.write("state.write", run="run-1", version=2)
    log.read(run="run-1")

    said = log.auditor("GET", f"/audit/records/{written}/lineage").json()

    assert (said["run"], [one["id"] for one in said["reads"]]) == ("run-1", [str(first)])
    assert said["reads"][0]["version"] == 1
    assert [one["id"] for one in said["writes"]] == [str(other)]
    assert said["counted_reads"] == 0


def test_without_a_run_nothing_is_claimed(log: Log) -> None:
    written = log.write("state.write")

    said = log.auditor("GET", f"/audit/records/{written}/lineage").json()

    assert (said["run"], said["reads"], said["writes"]) == (None, [], [])


def test_only_writes_have_a_lineage(log: Log) -> None:
    answer = log.auditor("GET", f"/audit/records/{log.read()}/lineage")

    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_write")


@pytest.mark.parametrize(
    "query",
    ["", "namespace=people", "key=mia", "namespace=people&key=%00", "namespace=people&key=m&x=1",
     "namespace=people&key=m&from=2030-01-01T00:00:00Z&to=2029-01-01T00:00:00Z",
     "namespace=people&key=m&from=2020-01-01T00:00:00Z&to=2029-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_malformed_is_refused(log: Log, query: str) -> None:
    assert log.auditor("GET", f"/audit/readers?{query}").status_code == 400


def test_others_are_told_nothing(log: Log) -> None:
    log.read()
    written = log.write("state.write", run="r")
    stranger = Api(make_member(new_tenant(), "owner"))
    viewer = Api(make_member(log.tenant, "viewer"))

    assert stranger("GET", "/audit/readers?namespace=people&key=mia").json()["readers"] == []
    assert stranger("GET", f"/audit/records/{written}/lineage").status_code == 404
    assert viewer("GET", "/audit/readers?namespace=people&key=mia").status_code == 403
    assert viewer("GET", f"/audit/records/{written}/lineage").status_code == 403
