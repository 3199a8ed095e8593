"""F65: a credential that may only read changes nothing, by no verb, route or header of either
plane. The routes are those of the published document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from stateward.kernel.clock import now, rfc3339
from stateward.web.cursors import encode_cursor
from tests.contract.parties import caller, make_namespace
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

WRITES = ("post", "put", "patch", "delete")
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
READS = [
    "namespace.read", "state.read", "policy.read", "agent.read", "member.read", "tenant.read",
    "audit.read", "grant.read", "retention.read", "hold.read", "backup.read", "job.read",
    "key.read", "compliance.read", "alert.read",
]  # fmt: skip
# Asked without a credential, or by POST though nothing is changed.
NO_WRITES = {
    ("post", "/api/v1/invitations/acceptance"),
    ("post", "/api/v1/retention/preview"),
    ("post", "/api/v1/namespaces/{name}/schemas/{number}/preview"),
    ("post", "/api/v1/namespaces/{namespace}/reads"),
    ("post", "/api/v1/policies/form"),
    ("post", "/api/v1/policies/form/text"),
    ("post", "/api/v1/policies/templates/{name}/text"),
    ("post", "/api/v1/policies/{policy_id}/tests/runs"),
}
# What their bodies name is not there.
OF_NOTHING = ("/classification/decisions", "/classification/rules", "/quarantines")
# What says "no" before it asks who may, because the right would not help: nothing is closed here,
# no model is configured.
NO_ANYWAY = {"/api/v1/tenant/closure": 409, "/api/v1/assist/": 503}


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

    def refusals(self, path: str) -> set[int]:
        """How a write of this path may be refused: 403, or 404 where the id is nobody's, or of a
        thing that who may not manage it may not know of.
        """
        for prefix, status in NO_ANYWAY.items():
            if path.startswith(prefix):
                return {403, status}
        if "/branch/" in path or path.endswith(OF_NOTHING):
            return {403, 404}
        named = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
        is_hidden = "credential_id" in named or not named <= set(self.things)
        return {403, 404} if is_hidden else {403}

    def call(self, method: str, path: str, **headers: str) -> httpx.Response:
        """The call that would change something, if it were allowed."""
        content = self.operations[method, path].get("requestBody", {}).get("content", {})
        media_type, media = next(iter(content.items()), ("application/json", None))
        body = json.dumps(self.example(media.get("schema", {}))) if media else None
        url = str(self.http.base_url).removesuffix("/api/v1/") + self.address(path)
        return self.http.request(
            method.upper(), url, content=body, headers={"Content-Type": media_type, **headers}
        )

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
            if name in wanted or name == "roles"  # which a patch does not call required
        }
        # Who and what, by type and id: a member, and the tenant.
        if set(found) == {"type", "id"}:
            found["id"] = self.things["tenant" if found["type"] == "tenant" else "member_id"]
        return found

    def _text(self, schema: dict[str, Any], name: str) -> str:
        given = {
            "email": "somebody@example.org",
            "actions": "namespace.read",
            "action": "state.read_value",
            "text": "permit (principal, action, resource);",
            "slug": f"s-{uuid4()}",
            "op": "put",
            "as_of": rfc3339(now() - timedelta(hours=1)),  # when nothing was there
            "cursor": encode_cursor(["k"]),
        }
        formats = {"uuid": str(uuid4()), "date-time": "2999-01-01T00:00:00Z", "email": "a@b.org"}
        return given.get(name) or formats.get(schema.get("format", "")) or f"n-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def reader(running_stack: SharedStack, admin: httpx.Client) -> Iterator[Reader]:
    document = httpx.get(
        f"{running_stack.url}/api/schema",
        headers={**admin.headers, "Accept": "application/vnd.oai.openapi+json"},
        timeout=60,  # the first to ask waits until it is composed
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
        "tenant": admin.get("/tenant").json()["slug"],
        "name": namespace, "namespace": namespace, "ns": namespace, "key": "k",
        "agent_id": agent, "policy_id": policy, "credential_id": key, "member_id": member,
        "group_id": group, "grant_id": grant, "invitation_id": invitation,
    }  # fmt: skip


def test_no_write_of_either_plane_is_carried_out(reader: Reader) -> None:
    answers = {one: reader.call(*one) for one in sorted(reader.operations) if one not in NO_WRITES}

    assert len(answers) > 40
    carried = {
        f"{method} {path}": (answer.status_code, answer.text[:300])
        for (method, path), answer in answers.items()
        if answer.status_code not in reader.refusals(path)
    }
    assert not carried, json.dumps(carried, indent=1)


def test_no_header_makes_a_read_a_write_or_a_write_a_read(reader: Reader) -> None:
    """Whatever a header says, the method is the method: a GET stays one, and is no way around."""
    for method, path in sorted(reader.operations):
        if (method, path) in NO_WRITES:
            continue
        for header in OVERRIDES:
            answer = reader.call(method, path, **{header: "GET"})
            assert answer.status_code in reader.refusals(path), (method, path, header)
    for path, name in (
        ("/namespaces/{namespace}/entries/k", "namespace"),
        ("/namespaces/{namespace}", "namespace"),
        ("/agents/{agent_id}", "agent_id"),
        ("/grants/{grant_id}", "grant_id"),
        ("/groups/{group_id}", "group_id"),
    ):
        address = path.replace(f"{{{name}}}", reader.things[name])
        before = reader.http.get(address)
        for header in OVERRIDES:
            for verb in WRITES:
                answer = reader.http.get(address, headers={header: verb.upper()})
                assert (answer.status_code, answer.json()) == (200, before.json()), (path, verb)
                asked = reader.http.post(address, json={}, headers={header: verb.upper()})
                assert asked.status_code in {403, 404, 405}, (path, verb)
