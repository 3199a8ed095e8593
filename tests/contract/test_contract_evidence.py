"""Decisions and evidence: AuthZEN, denials with their reason, the bundle and its verifier."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.parties import Party
from tests.contract.problems import refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


@pytest.fixture
def ask(running_stack: SharedStack, builder: Party) -> Any:
    def ask(path: str = "evaluation", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {builder.api_key}", **more.pop("headers", {})}
        return httpx.post(
            f"{running_stack.url}/access/v1/{path}", headers=headers, timeout=30, **more
        )

    return ask


def question(party: Party, namespace: str, action: str = "state.write") -> dict[str, Any]:
    return {
        "subject": {"type": "agent", "id": party.id},
        "action": {"name": action},
        "resource": {"type": "namespace", "id": namespace},
    }


def test_a_decision_can_be_asked_for(
    ask: Any, builder: Party, reader: Party, namespace: str
) -> None:
    allowed = ask(json=question(builder, namespace), headers={"X-Request-ID": "q-1"})

    assert (allowed.status_code, allowed.json()["decision"]) == (200, True)
    assert allowed.headers["x-request-id"] == "q-1"
    assert ask(json=question(reader, namespace)).json()["decision"] is False
    assert ask(json=question(reader, namespace, "state.read_value")).json()["decision"] is True


def test_authzen_has_rules_of_its_own(ask: Any, builder: Party, namespace: str) -> None:
    known = question(builder, namespace)

    assert ask(json={**known, "mood": 1}).json()["decision"] is True
    assert ask(content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 400
    assert ask(json={"subject": {}}).status_code == 400
    assert ask(json=question(builder, "contract.nowhere")).json()["decision"] is False


def test_several_questions_are_answered_in_order(
    ask: Any, builder: Party, reader: Party, namespace: str
) -> None:
    questions = [question(builder, namespace), {"subject": "odd"}, question(reader, namespace)]

    answers = ask("evaluations", json={"evaluations": questions}).json()["evaluations"]

    assert [answer["decision"] for answer in answers] == [True, False, False]


def test_whoever_asks_needs_the_right_to(
    running_stack: SharedStack, reader: Party, namespace: str
) -> None:
    answer = httpx.post(
        f"{running_stack.url}/access/v1/evaluation",
        json=question(reader, namespace),
        headers={"Authorization": f"Bearer {reader.api_key}"},
    )

    assert answer.status_code == 403


def test_the_metadata_can_be_found(running_stack: SharedStack) -> None:
    document = httpx.get(f"{running_stack.url}/.well-known/authzen-configuration").json()

    assert document["access_evaluation_endpoint"].endswith("/access/v1/evaluation")


def test_a_denial_names_its_decision_and_reason(reader: Party, place: str) -> None:
    document = refused(reader.http.put(place, json={"value": 1}), 403, "forbidden")

    assert document["decision_id"]
    assert document["reason"]


def test_a_policy_is_in_force_with_the_next_write(
    admin: httpx.Client, http: httpx.Client, builder: Party, namespace: str, place: str
) -> None:
    text = (
        f'forbid (principal == Agent::"{builder.id}", action == Action::"state.write", resource)\n'
        f'when {{ resource.namespace == "{namespace}" }};'
    )
    name = f"contract {uuid4().hex[:8]}"
    policy = admin.post("/policies", json={"name": name, "text": text}).json()
    path = f"/policies/{policy['id']}/activation"

    assert http.put(place, json={"value": 1}).status_code == 201
    assert admin.put(path, json={"version": 1}).status_code == 200
    denied = refused(http.put(place, json={"value": 2}), 403)
    assert admin.delete(path).status_code == 204
    assert http.put(place, json={"value": 3}).json()["version"] == 2
    assert "forbid" in denied["reason"]


def test_a_wrong_policy_is_refused_with_its_place(admin: httpx.Client) -> None:
    text = "permit (principal, action, resource)\nwhen { principal.shoe_size > 9 };"

    answer = admin.post("/policies", json={"name": f"c {uuid4()}", "text": text})
    validation = admin.post("/policies/validation", json={"text": text}).json()

    assert refused(answer, 422)["errors"]
    assert validation["valid"] is False
    assert validation["errors"][0]["line"] == 2


class TestEvidence:
    """What happened can be proven, offline, by one file of Python."""

    @pytest.fixture
    def written(self, http: httpx.Client, namespace: str, place: str) -> str:
        """The request id of a write."""
        answer = http.put(place, json={"value": 1})
        return answer.headers["x-request-id"]

    @pytest.fixture
    def sealed(self, admin: httpx.Client, written: str) -> dict[str, Any]:
        """The proof of the write's record, which takes a moment to be sealed."""
        (record,) = admin.get("/audit/records", params={"request_id": written}).json()["items"]
        deadline = time.monotonic() + 30
        while (proof := admin.get(f"/audit/records/{record['id']}/proof")).status_code != 200:
            assert time.monotonic() < deadline, proof.text
            time.sleep(0.2)
        found: dict[str, Any] = proof.json()
        return found

    def test_a_change_is_on_record(
        self, admin: httpx.Client, builder: Party, namespace: str, written: str
    ) -> None:
        (record,) = admin.get("/audit/records", params={"request_id": written}).json()["items"]

        assert record["action"] == "state.write"
        assert record["outcome"] == "allow"
        assert record["actor"]["id"] == builder.id
        assert admin.get(f"/audit/records/{record['id']}").json()["id"] == record["id"]

    def test_a_record_is_proven_once_sealed(self, sealed: dict[str, Any]) -> None:
        assert sealed

    def test_a_bundle_verifies_offline_and_no_byte_may_change(
        self, admin: httpx.Client, sealed: dict[str, Any], namespace: str, tmp_path: Path
    ) -> None:
        verifier, bundle = tmp_path / "verify.py", tmp_path / "bundle.txt"
        verifier.write_bytes(admin.get("/audit/verifier").content)
        bundle.write_bytes(admin.get("/audit/bundle", params={"namespace": namespace}).content)

        def verify() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-I", str(verifier), str(bundle)],
                capture_output=True,
                text=True,
                check=False,
            )

        said = verify()
        assert said.returncode == 0, said.stdout + said.stderr
        assert "not tied to a trusted key" in said.stdout + said.stderr
        content = bundle.read_bytes()
        for place in (10, len(content) // 3, len(content) // 2, len(content) - 3):
            bundle.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert verify().returncode != 0, place

    def test_readers_of_the_audit_need_the_right_to(self, reader: Party) -> None:
        for path in ("/audit/records", "/audit/bundle"):
            assert reader.http.get(path).status_code in {403, 404}

    def test_checkpoints_and_keys_can_be_had(
        self, admin: httpx.Client, sealed: dict[str, Any]
    ) -> None:
        for path in ("/audit/checkpoints", "/audit/checkpoints/latest", "/audit/keys"):
            assert admin.get(path).status_code == 200, path
