"""F65: a credential that may only read changes nothing, by no verb, route or header of either
plane. The routes are those of the published document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.parties import caller, make_namespace
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

WRITES = ("post", "put", "patch", "delete")
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
READS = [
    "namespace.read", "state.read", "policy.read", "agent.read", "member.read", "tenant.read",
    "audit.read", "grant.read", "retention.read", "hold.read", "backup.read", "job.read",
    "compliance.read", "alert.read",
]  # fmt: skip
# What needs no credential, or asks for more than any credential can give.
NOT_BY_CREDENTIAL = {
    ("post", "/api/v1/invitations/acceptance"): "opened by its link, without a credential",
}


@dataclass(frozen=True)
class Reader:
    """An owner's token that may only read, and things it could try to change."""

    http: httpx.Client
    schemas: dict[str, Any]
    operations: dict[tuple[str, str], dict[str, Any]]
    things: dict[str, str]

    def address(self, path: str) -> str:
        for name, one in self.things.items():
            path = path.replace(f"{{{name}}}", one)
        while "{" in path:
            before, _, rest = path.partition("{")
            path = f"{before}{uuid4()}{rest.partition('}')[2]}"
        return path

    def body(self, operation: dict[str, Any]) -> Any:
        content = operation.get("requestBody", {}).get("content", {})
        for media in content.values():
            return self.example(media.get("schema", {}))
        return None

    def example(self, schema: dict[str, Any], name: str = "") -> Any:
        """The least that the schema takes, with ids of things that are there."""
        if "$ref" in schema:
            return self.example(self.schemas[schema["$ref"].rpartition("/")[2]], name)
        for union in ("oneOf", "anyOf", "allOf"):
            if union in schema:
                return self.example(schema[union][0], name)
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        kind = next(one for one in kind if one != "null") if isinstance(kind, list) else kind
        if kind == "object" or "properties" in schema:
            return self._object(schema)
        if kind == "array":
            return [self.example(schema.get("items", {}), name)] * max(1, schema.get("minItems", 0))
        if kind in {"integer", "number"}:
            return max(1, schema.get("minimum", 1))
        return False if kind == "boolean" else self._text(schema, name)

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        wanted = schema.get("required", [])
        found = {
            name: self.example(one, name)
            for name, one in schema.get("properties", {}).items()
            if name in wanted
        }
        # Who and what, by type and id: a member, and the namespace that is there.
        if set(found) == {"type", "id"}:
            found["id"] = self.things["namespace" if found["type"] == "namespace" else "member_id"]
        return found

    def _text(self, schema: dict[str, Any], name: str) -> str:
        given = {
            "email": "somebody@example.org",
            "actions": "namespace.read",
            "action": "state.read_value",
            "text": "permit (principal, action, resource);",
            "slug": f"s-{uuid4()}",
        }
        formats = {"uuid": str(uuid4()), "date-time": "2999-01-01T00:00:00Z", "email": "a@b.org"}
        return given.get(name) or formats.get(schema.get("format", "")) or f"n-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def reader(running_stack: SharedStack, admin: httpx.Client) -> Iterator[Reader]:
    document = httpx.get(
        f"{running_stack.url}/api/schema",
        headers={**admin.headers, "Accept": "application/vnd.oai.openapi+json"},
    ).json()
    token = admin.post("/credentials", json={"label": "looks", "scopes": READS}).json()["api_key"]
    operations = {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in WRITES
    }
    with caller(running_stack.url, token) as http:
        yield Reader(http, document["components"]["schemas"], operations, things_in(admin))


def things_in(admin: httpx.Client) -> dict[str, str]:
    """One of each, so that a refusal is about the right and not about what is missing."""
    namespace = make_namespace(admin)
    assert admin.put(f"/namespaces/{namespace}/entries/k", json={"value": 1}).status_code == 201
    agent = admin.post("/agents", json={"name": f"a-{uuid4()}", "roles": ["reader"]}).json()["id"]
    text = 'permit (principal, action == Action::"state.read_value", resource);'
    policy = admin.post("/policies", json={"name": f"p-{uuid4()}", "text": text}).json()["id"]
    key = admin.post(f"/agents/{agent}/credentials", json={}).json()["id"]
    group = admin.post("/groups", json={"name": f"g-{uuid4()}"}).json()["id"]
    grant = admin.post(
        "/grants",
        json={
            "principal": {"type": "agent", "id": agent},
            "object": {"type": "namespace", "id": namespace},
            "actions": ["state.write"],
            "reason": "To be revoked by nobody",
        },
    ).json()["id"]
    invited = {"email": f"{uuid4()}@example.org", "roles": ["viewer"]}
    invitation = admin.post("/invitations", json=invited).json()["id"]
    member = admin.get("/members").json()["items"][-1]["id"]
    return {
        "name": namespace, "namespace": namespace, "ns": namespace, "key": "k",
        "agent_id": agent, "policy_id": policy, "credential_id": key, "member_id": member,
        "group_id": group, "grant_id": grant, "invitation_id": invitation,
    }  # fmt: skip


def test_no_write_of_either_plane_is_carried_out(reader: Reader) -> None:
    answers: dict[tuple[str, str], tuple[int, str]] = {}

    for (method, path), operation in reader.operations.items():
        if (method, path) in NOT_BY_CREDENTIAL:
            continue
        body = reader.body(operation)
        url = reader.address(path).removeprefix("/api/v1")
        if url == path:  # not beneath /api/v1
            url = str(reader.http.base_url).removesuffix("/api/v1/") + url
        answer = reader.http.request(method.upper(), url, json=body)
        answers[method, path] = (answer.status_code, answer.text[:200])

    assert len(answers) > 40
    unrefused = {one: answer for one, answer in answers.items() if answer[0] != 403}
    assert unrefused == {}
