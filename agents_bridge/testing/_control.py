"""The fake server's control plane, as far as it can be honest: policies as texts, and the audit as
a list.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from agents_bridge._wire import rfc3339
from agents_bridge.testing._entries import Answer
from agents_bridge.testing._problems import not_found, unprocessable
from agents_bridge.testing._requests import Asked, page
from agents_bridge.testing._store import Store

_FILTERS = ("action", "outcome", "namespace", "key", "request_id", "run")


def policies(store: Store, asked: Asked) -> Answer:
    if asked.method == "GET":
        return Answer(200, page([_policy(policy) for policy in store.policies.values()], asked))
    body = asked.members("name", "text", "description", required=("name", "text"))
    _check(body["text"])
    policy: dict[str, Any] = {
        "id": str(uuid4()),
        "name": body["name"],
        "description": body.get("description", ""),
        "active_version": None,
        "created_at": rfc3339(store.clock()),
        "versions": [],
    }
    store.policies[policy["id"]] = policy
    _add_version(store, policy, body["text"], "")
    return Answer(201, _policy(policy))


def policy(store: Store, asked: Asked, policy_id: str) -> Answer:
    return Answer(200, _policy(_find(store, policy_id)))


def versions(store: Store, asked: Asked, policy_id: str) -> Answer:
    found = _find(store, policy_id)
    if asked.method == "GET":
        return Answer(200, page(found["versions"][::-1], asked))
    body = asked.members("text", "note", required=("text",))
    _check(body["text"])
    return Answer(201, _add_version(store, found, body["text"], body.get("note", "")))


def activation(store: Store, asked: Asked, policy_id: str) -> Answer:
    found = _find(store, policy_id)
    if asked.method == "DELETE":
        found["active_version"] = None
        return Answer(204)
    version = asked.members("version", required=("version",))["version"]
    if version not in [kept["version"] for kept in found["versions"]]:
        raise unprocessable("There is no such version.", "/version")
    found["active_version"] = version
    return Answer(200, _policy(found))


def validation(store: Store, asked: Asked) -> Answer:
    fault = _fault(asked.members("text", required=("text",))["text"])
    errors = [{"pointer": "/text", "message": fault, "line": 1, "column": 1}] if fault else []
    return Answer(200, {"valid": not errors, "errors": errors})


def records(store: Store, asked: Asked) -> Answer:
    since, until = asked.query.get("from"), asked.query.get("to")
    wanted = {name: asked.query[name] for name in _FILTERS if name in asked.query}
    actor = asked.query.get("actor")
    found = [
        record
        for record in reversed(store.records)
        if all({**record, **record["resource"]}.get(name) == wanted[name] for name in wanted)
        if actor is None or actor in record["actor"].values()
        if (since is None or record["at"] >= since) and (until is None or record["at"] < until)
    ]
    return Answer(200, page(found, asked))


def record(store: Store, asked: Asked, record_id: str) -> Answer:
    for kept in store.records:
        if kept["id"] == record_id:
            return Answer(200, kept)
    raise not_found()


def _find(store: Store, policy_id: str) -> dict[str, Any]:
    try:
        return store.policies[policy_id]
    except KeyError:
        raise not_found() from None


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in policy.items() if name != "versions"}
    return {**shown, "latest_version": len(policy["versions"])}


def _add_version(store: Store, policy: dict[str, Any], text: str, note: str) -> dict[str, Any]:
    version = {
        "version": len(policy["versions"]) + 1,
        "text": text,
        "note": note,
        "created_at": rfc3339(store.clock()),
        "created_by": store.actor,
    }
    policy["versions"].append(version)
    return version


def _check(text: Any) -> None:
    if fault := _fault(text):
        raise unprocessable(fault, "/text")


def _fault(text: Any) -> str | None:
    """A glance, not Cedar's parser: enough that a test with a text that is plainly none fails."""
    if not isinstance(text, str) or not text.strip().endswith("};" if "{" in text else ");"):
        return "a policy ends in a semicolon"
    if "permit" not in text and "forbid" not in text:
        return "a policy begins with permit or forbid"
    return None
