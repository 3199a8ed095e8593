"""The audit over REST: who may read it, what it answers, and that what it answers proves itself."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from stateward.gate.audit import verify
from stateward.gate.audit.record import append, compose
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Agent, Tenant
from stateward.tenancy.scope import run_flow
from tests.audit.audit_helpers import seal
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_agent, make_member

pytestmark = pytest.mark.usefixtures("database")

SEALS = Path(settings.HOME) / "seals"


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def auditor(tenant: Tenant) -> Api:
    return Api(make_member(tenant, "auditor"))


@pytest.fixture
def booker(tenant: Tenant) -> Actor:
    agent: Agent = make_agent(tenant, "builder", name="booker")
    return Actor("agent", agent.id, "booker", tenant.id, tenant.slug, ("builder",))


def write(actor: Actor, count: int = 1, **more: Any) -> list[UUID]:
    ids = []
    for number in range(count):
        named = {"action": "state.write", "resource_type": "entry", "resource_id": "n"}
        named |= {"personal": {"key": f"k-{number}"}, "extra": {"number": number}} | more
        draft = compose(actor=actor, call=Call(f"r-{number}", "192.0.2.7", run="run-1"), **named)
        run_flow(append(draft, version=number + 1))
        ids.append(draft.id)
    return ids


def items(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


class TestRecords:
    def test_pages_come_newest_first_and_leave_nothing_out(
        self, auditor: Api, booker: Actor
    ) -> None:
        ids = write(booker, 7)
        path = "/audit/records?actor=booker&limit=3"

        found = []
        cursor = ""
        while cursor is not None:
            answer = auditor("GET", path + (f"&cursor={cursor}" if cursor else ""))
            found += [UUID(one["id"]) for one in items(answer)]
            cursor = answer.json()["next_cursor"]

        assert found == ids[::-1]

    def test_a_record_tells_who_did_what_to_what(self, auditor: Api, booker: Actor) -> None:
        ids = write(booker)

        record = auditor("GET", f"/audit/records/{ids[0]}").json()

        assert record["actor"] == {"type": "agent", "id": str(booker.id), "name": "booker"}
        assert (record["action"], record["outcome"], record["version"]) == (
            "state.write", "allow", 1,
        )  # fmt: skip
        assert record["resource"]["key"] == "k-0"
        assert record["payload"] == {"key": "k-0", "source_address": "192.0.2.7"}
        assert record["record"]["id"] == str(ids[0])
        assert "k-0" not in json.dumps(record["record"])

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("action=state.write", 3), ("action=state.*", 5), ("action=state.read_value", 2),
            ("action=state.write,audit.*", 3), ("action=state.read_*,state.write", 3),
            ("classification=restricted,public", 1), ("policy=none", 0),
            ("outcome=deny", 1), ("outcome=allow", 4), ("outcome=deny_forbid", 1),
            ("key=k-0", 3), ("request_id=r-1", 2), ("run=run-1", 5), ("run=none", 0),
            ("namespace=unknown", 0), ("classification=restricted", 1),
            ("from=2026-01-01T00:00:00Z", 5), ("to=2026-01-01T00:00:00Z", 0),
        ],
    )  # fmt: skip
    def test_every_filter_filters(
        self, auditor: Api, booker: Actor, query: str, count: int
    ) -> None:
        write(booker, 2)
        write(booker, 1, outcome="deny_forbid", classification="restricted")
        write(booker, 2, action="state.read_value")

        found = auditor("GET", f"/audit/records?actor={booker.id}&{query}")

        assert len(items(found)) == count

    @pytest.mark.parametrize(
        "query",
        ["from=yesterday", "what=x", "limit=0", "cursor=x", "key=" + "x" * 2000, "run=%00",
         "cursor=WyJhIiwiYiJd"],
    )  # fmt: skip
    def test_what_is_malformed_is_refused(self, auditor: Api, query: str) -> None:
        assert auditor("GET", f"/audit/records?{query}").status_code == 400

    def test_the_survey_counts_what_the_list_shows(self, auditor: Api, booker: Actor) -> None:
        write(booker, 4)
        write(booker, 2, outcome="deny_forbid")

        survey = auditor("GET", "/audit/survey?actor=booker").json()

        assert (survey["count"], survey["is_complete"]) == (6, True)
        outcomes = {one["value"]: one["count"] for one in survey["facets"]["outcome"]}
        assert outcomes == {"allow": 4, "deny_forbid": 2}
        assert survey["facets"]["actor"][0]["label"] == "booker"
        assert sum(one["allowed"] for one in survey["buckets"]) == 4
        assert sum(one["denied"] for one in survey["buckets"]) == 2
        empty = auditor("GET", "/audit/survey?actor=nobody").json()
        assert (empty["count"], empty["buckets"]) == (0, [])


class TestRights:
    PATHS = (
        "/audit/records", "/audit/survey", "/audit/checkpoints", "/audit/checkpoints/latest",
        "/audit/consistency?from=0&to=0", "/audit/bundle", "/audit/keys",
    )  # fmt: skip

    @pytest.mark.parametrize("path", PATHS)
    def test_a_viewer_may_not_and_it_is_recorded(self, tenant: Tenant, path: str) -> None:
        viewer = Api(make_member(tenant, "viewer"))

        answer = viewer("GET", path)

        assert answer.status_code == 403
        assert audit_events(tenant.id)[-1][0] in {"audit.read", "audit.export"}

    def test_another_tenant_records_are_as_if_they_were_not(
        self, auditor: Api, booker: Actor
    ) -> None:
        ids = write(booker)
        stranger = Api(make_member(new_tenant(), "auditor"))

        theirs = stranger("GET", f"/audit/records/{ids[0]}")
        nothing = stranger("GET", f"/audit/records/{uuid4()}")

        assert theirs.status_code == nothing.status_code == 404
        assert theirs.json()["detail"] == nothing.json()["detail"]
        assert stranger("GET", f"/audit/records/{ids[0]}/proof").status_code == 404
        assert items(stranger("GET", f"/audit/records?actor={booker.id}")) == []


class TestProof:
    def test_a_record_is_proved_with_what_the_api_answers(
        self, auditor: Api, booker: Actor
    ) -> None:
        ids = write(booker, 5)
        seal(SEALS)

        proof = auditor("GET", f"/audit/records/{ids[3]}/proof").json()
        keys = [verify.parse_key(key) for key in auditor("GET", "/audit/keys").json()["keys"]]
        checkpoint = verify.open_checkpoint(proof["checkpoint"], keys)
        record = auditor("GET", f"/audit/records/{ids[3]}").json()["record"]
        leaf = verify.leaf_hash(verify.encode_json(record).encode())

        assert proof["leaf_hash"] == verify.encode64(leaf)
        root = verify.root_from_path(
            proof["index"], proof["index"] + 1, checkpoint.size, leaf,
            verify.decode_hashes(proof["path"]),
        )  # fmt: skip
        assert root == checkpoint.root
        text = auditor("GET", f"/audit/records/{ids[3]}/proof", Accept="text/plain")
        assert text.content.decode().startswith("c2sp.org/tlog-proof@v1\n")

    def test_a_record_of_this_moment_is_not_sealed_yet(self, auditor: Api, booker: Actor) -> None:
        ids = write(booker)

        answer = auditor("GET", f"/audit/records/{ids[0]}/proof")

        assert (answer.status_code, answer.json()["code"]) == (409, "not_sealed_yet")

    def test_checkpoints_are_listed_and_consistent(self, auditor: Api, booker: Actor) -> None:
        for _ in range(3):
            write(booker, 2)
            seal(SEALS)

        first = auditor("GET", "/audit/checkpoints?limit=2").json()
        rest = auditor("GET", f"/audit/checkpoints?cursor={first['next_cursor']}").json()
        sizes = [one["size"] for one in first["items"] + rest["items"]]
        latest = auditor("GET", "/audit/checkpoints/latest").json()
        assert sizes == sorted(sizes, reverse=True)
        assert latest["size"] == sizes[0]
        proof = auditor("GET", f"/audit/consistency?from={sizes[-1]}&to={sizes[0]}").json()
        old, new = (first["items"] + rest["items"])[-1], latest
        verify.verify_consistency(
            old["size"], verify.decode_hash(old["root_hash"]),
            new["size"], verify.decode_hash(new["root_hash"]),
            verify.decode_hashes(proof["proof"]),
        )  # fmt: skip
        note = auditor("GET", "/audit/checkpoints/latest", Accept="text/plain")
        assert note.content.decode() == latest["note"]
        assert auditor("GET", "/audit/consistency?from=0&to=999999").status_code == 404
        assert auditor("GET", "/audit/consistency?from=a").status_code == 400


class TestBundle:
    def test_what_is_downloaded_verifies_and_is_on_record(
        self, auditor: Api, booker: Actor, tenant: Tenant, tmp_path: Path
    ) -> None:
        write(booker, 20)
        seal(SEALS)
        kept = auditor("GET", "/audit/checkpoints/latest", Accept="text/plain").content
        size = int(kept.split(b"\n")[1])
        write(booker, 3)
        seal(SEALS)

        answer = auditor("GET", f"/audit/bundle?actor=booker&checkpoint={size}")
        assert answer.status_code == 200
        assert answer["Content-Disposition"].startswith("attachment")
        bundle = answer.getvalue()
        (tmp_path / "bundle").write_bytes(bundle)
        (tmp_path / "kept").write_bytes(kept)
        keys = auditor("GET", "/audit/keys", Accept="text/plain").content
        (tmp_path / "key").write_bytes(keys)

        given = ["--key", str(tmp_path / "key"), "--checkpoint", str(tmp_path / "kept")]
        assert verify.main([str(tmp_path / "bundle"), *given]) == 0
        assert audit_events(tenant.id)[-1][0] == "audit.export"
        manifest = json.loads(bundle.split(b"\n", 1)[0])
        assert (manifest["count"], manifest["filter"]) == (23, {"actor_name": "booker"})

    def test_the_verifier_is_downloaded_as_it_is(self, auditor: Api) -> None:
        answer = auditor("GET", "/audit/verifier")

        assert answer.content == Path(verify.__file__).read_bytes()
