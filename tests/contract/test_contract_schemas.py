"""Schemas that evolve, over HTTP and through the client."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents_bridge import AsyncClient, Client, Conflict, NotAcceptable, SchemaViolation
from agents_bridge.cli._app import run as run_command
from tests.contract.parties import Party, caller, make_namespace
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

OLD = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
NEW = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
STEPS = [{"step": "rename", "path": "/n", "to": "name"}]


@pytest.fixture
def namespace(http: httpx.Client) -> str:
    return make_namespace(http, schema=OLD)


def over(http: httpx.Client, namespace: str, run: dict[str, Any]) -> dict[str, Any]:
    for _ in range(300):
        found: dict[str, Any] = http.get(f"/namespaces/{namespace}/schema-runs/{run['id']}").json()
        if found["state"] not in {"queued", "running"}:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_version_from_draft_to_taken_back(http: httpx.Client, namespace: str) -> None:
    at = f"/namespaces/{namespace}"
    for key in ("a", "b"):
        http.put(f"{at}/entries/{key}", json={"value": {"n": f"Mia {key}"}})

    made = http.post(f"{at}/schemas", json={"schema": NEW, "migration": {"steps": STEPS}})
    assert (made.status_code, made.json()["version"], made.json()["state"]) == (201, 2, "draft")
    assert made.headers["location"].endswith(f"{at}/schemas/2")
    compared = http.get(f"{at}/schemas/2/compatibility").json()
    assert (compared["compared_with"], compared["compatibility"]) == (1, "none")
    assert {"pointer": "/required", "message": "name could be left out"} in compared["backward"][
        "reasons"
    ]
    shown = http.post(f"{at}/schemas/2/preview", json={"limit": 1}).json()
    assert shown["items"][0]["after"] == {"name": "Mia a"}
    assert shown["next_after"] == "a"

    started = http.post(f"{at}/schemas/2/activate")
    assert started.status_code == 202
    run = over(http, namespace, started.json())
    assert (run["state"], run["counts"]["failing"]) == ("refused", 2)
    assert [one["key"] for one in run["samples"]] == ["a", "b"]

    run = over(http, namespace, http.post(f"{at}/schemas/2/migrate", json={}).json())
    assert (run["state"], run["counts"]["migrated"]) == ("done", 2)
    assert http.get(f"{at}/entries/a").json()["value"] == {"name": "Mia a"}
    assert http.get(at).json()["schema_version"] == 2
    assert [one["state"] for one in http.get(f"{at}/schemas").json()["items"]] == [
        "active", "retired",
    ]  # fmt: skip

    undone = over(http, namespace, http.post(f"{at}/schema-runs/{run['id']}/undo").json())
    assert (undone["state"], undone["counts"]["taken_back"]) == ("done", 2)
    assert http.get(f"{at}/entries/a").json()["value"] == {"n": "Mia a"}
    listed = http.get(f"{at}/schema-runs?limit=1").json()
    assert (listed["items"][0]["kind"], bool(listed["next_cursor"])) == ("undo", True)


def test_a_client_names_the_version_it_knows(http: httpx.Client, namespace: str) -> None:
    at = f"/namespaces/{namespace}"
    http.put(f"{at}/entries/a", json={"value": {"n": "Mia"}})
    http.post(f"{at}/schemas", json={"schema": NEW, "migration": {"steps": STEPS}})
    over(http, namespace, http.post(f"{at}/schemas/2/migrate").json())
    known = {"Stateward-Schema-Version": "1"}

    assert http.get(f"{at}/entries/a", headers=known).json()["value"] == {"n": "Mia"}
    assert http.get(f"{at}/entries", headers=known).json()["items"][0]["value"] == {"n": "Mia"}
    written = http.put(f"{at}/entries/b", json={"value": {"n": "Ada"}}, headers=known)
    assert written.json()["value"] == {"n": "Ada"}
    assert http.get(f"{at}/entries/b").json()["value"] == {"name": "Ada"}
    patched = http.patch(
        f"{at}/entries/b",
        content=b'{"n": "Eva"}',
        headers={**known, "Content-Type": "application/merge-patch+json"},
    )
    assert patched.json()["value"] == {"n": "Eva"}
    broken = http.put(f"{at}/entries/b", json={"value": {"name": "x"}}, headers=known)
    assert refused(broken) == (422, "schema_violation")
    assert broken.json()["errors"][0]["pointer"] == "/value"
    other = {"Stateward-Schema-Version": "9"}
    unavailable = http.get(f"{at}/entries/a", headers=other)
    assert refused(unavailable) == (406, "schema_version_unavailable")
    unknown = http.put(f"{at}/entries/a", json={"value": 1}, headers=other)
    assert refused(unknown) == (409, "schema_version_refused")
    assert refused(http.delete(f"{at}/entries/a", headers=known)) == (400, "malformed")
    odd = http.get(f"{at}/entries/a", headers={"Stateward-Schema-Version": "one"})
    assert refused(odd) == (400, "malformed")


def test_what_is_wrong_is_told_with_its_place(http: httpx.Client, namespace: str) -> None:
    at = f"/namespaces/{namespace}/schemas"
    steps = {"schema": NEW, "migration": {"steps": [{"step": "eval"}]}}

    wrong = http.post(at, json=steps)
    assert refused(wrong) == (422, "bad_migration")
    assert wrong.json()["errors"][0]["pointer"] == "/steps/0"
    assert refused(http.post(at, json={"schema": {"type": 3}})) == (422, "bad_schema")
    assert refused(http.post(at, json={"schema": {"$ref": "http://x.test/"}})) == (
        422, "bad_schema",
    )  # fmt: skip
    assert refused(http.get(f"{at}/7")) == (404, "not_found")
    assert refused(http.post(f"{at}/1/migrate")) == (409, "schema_state")
    assert refused(http.delete(f"{at}/1")) == (409, "schema_state")
    draft = http.post(at, json={"schema": NEW, "note": "Not now."}).json()["version"]
    assert http.delete(f"{at}/{draft}").json()["state"] == "retired"


def test_nobody_else_sees_or_starts_anything(
    http: httpx.Client, namespace: str, reader: Party, running_stack: SharedStack
) -> None:
    at = f"/namespaces/{namespace}/schemas"
    http.put(f"/namespaces/{namespace}/entries/a", json={"value": {"n": "Mia"}})
    http.post(at, json={"schema": NEW})
    run = over(http, namespace, http.post(f"{at}/2/check").json())
    path = f"/namespaces/{namespace}/schema-runs/{run['id']}"

    assert refused(reader.http.post(f"{at}/2/check")) == (403, "forbidden")
    assert reader.http.get(path).json()["samples"] == run["samples"]
    assert refused(reader.http.post(f"{path}/cancel")) == (403, "forbidden")
    with caller(running_stack.url, running_stack.stranger) as stranger:
        for hidden in (at, f"{at}/2", f"{at}/2/compatibility", path):
            assert refused(stranger.get(hidden)) == (404, "not_found")
        assert refused(stranger.post(f"{at}/2/check")) == (404, "not_found")
        assert refused(stranger.post(f"{path}/undo")) == (404, "not_found")


def test_through_the_client(running_stack: SharedStack, builder: Party) -> None:
    async def main(name: str) -> None:
        async with AsyncClient(running_stack.url, builder.api_key) as client:
            run = await client.schemas.check(name, 2)
            run = await client.schemas.wait(name, run.id)
            assert (run.state, run.counts["fitting"]) == ("done", 1)
            entry = await client.entries.get(name, "a", schema_version=1)
            assert entry.value == {"n": "Mia"}

    with Client(running_stack.url, builder.api_key) as client:
        name = make_namespace(builder.http, schema=OLD)
        client.entries.put(name, "a", {"n": "Mia"})
        made = client.schemas.create(name, NEW, steps=STEPS, note="Names are names.")
        assert client.schemas.preview(name, made.version)[0]["after"] == {"name": "Mia"}
        run = client.schemas.wait(name, client.schemas.migrate(name, made.version).id)
        assert run.state == "done"
        assert run.is_over
        assert [one.version for one in client.schemas.list(name)] == [2, 1]
        assert client.entries.get(name, "a", schema_version=1).value == {"n": "Mia"}
        with pytest.raises(NotAcceptable):
            client.entries.get(name, "a", schema_version=8)
        with pytest.raises(SchemaViolation):
            client.entries.put(name, "b", {"n": "x"})
        with pytest.raises(Conflict):
            client.schemas.retire(name, 2)
        asyncio.run(main(name))
        undone = client.schemas.wait(name, client.schemas.undo(name, run.id).id)
        assert [one.kind for one in client.schemas.runs(name)] == ["undo", "check", "migrate"]
        assert undone.counts["taken_back"] == 1


def test_from_a_terminal(
    running_stack: SharedStack,
    builder: Party,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = make_namespace(builder.http, schema=OLD)
    builder.http.put(f"/namespaces/{name}/entries/a", json={"value": {"n": "Mia"}})
    monkeypatch.setenv("STATEWARD_URL", running_stack.url)
    monkeypatch.setenv("STATEWARD_API_KEY", builder.api_key)
    (tmp_path / "new.json").write_text(json.dumps(NEW))
    (tmp_path / "steps.json").write_text(json.dumps(STEPS))
    files = ["--schema", str(tmp_path / "new.json"), "--steps", str(tmp_path / "steps.json")]

    assert run_command(["schema", "draft", name, *files]) == 0
    assert run_command(["schema", "activate", name, "2"]) == 1
    assert "refused" in capsys.readouterr().err
    assert run_command(["schema", "migrate", name, "2"]) == 0
    assert "1 migrated" in capsys.readouterr().err
    assert run_command(["schema", "list", name]) == 0
    assert "retired" in capsys.readouterr().out
