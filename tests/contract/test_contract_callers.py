"""Who calls: credentials, and what a call says about itself."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.parties import Enter, Party, caller, make_namespace
from tests.contract.problems import refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sw_unknown000_" + "x" * 49},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YTpi"},
    ],
)
@pytest.mark.parametrize("path", ["/namespaces", "/namespaces/a/entries/b", "/agents"])
def test_without_a_valid_credential_it_is_401(
    running_stack: SharedStack, header: dict[str, str], path: str
) -> None:
    answer = httpx.get(f"{running_stack.url}/api/v1{path}", headers=header)

    refused(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_in_the_url_is_refused(running_stack: SharedStack, builder: Party) -> None:
    with caller(running_stack.url, None) as http:
        for name in ("api_key", "token", "access_token"):
            answer = http.get("/namespaces", params={name: builder.api_key})
            assert answer.status_code in {400, 401}
            assert builder.api_key not in answer.text


def test_a_revoked_key_is_refused_at_once(
    running_stack: SharedStack, enter: Enter, admin: httpx.Client
) -> None:
    party = enter("reader")
    assert party.http.get("/namespaces").status_code == 200
    (credential,) = admin.get(f"/agents/{party.id}/credentials").json()["items"]

    assert admin.delete(f"/credentials/{credential['id']}").status_code == 204

    refused(party.http.put("/namespaces/a/entries/b", json={"value": 1}), 401)


def test_a_paused_agent_is_refused(enter: Enter, admin: httpx.Client) -> None:
    party = enter("builder")
    assert admin.put(f"/agents/{party.id}/pause").status_code == 200
    paused = party.http.post("/namespaces", json={"name": "contract.never"})
    assert admin.delete(f"/agents/{party.id}/pause").status_code == 200
    resumed = party.http.get("/namespaces")

    assert paused.status_code in {401, 403}
    assert resumed.status_code == 200


def test_the_very_next_write_of_a_paused_agent_is_refused(
    enter: Enter, admin: httpx.Client
) -> None:
    """Also where the process has just let it in, and over the connection it writes on."""
    party = enter("builder")
    entry = f"/namespaces/{make_namespace(party.http)}/entries/k"
    for number in range(5):
        assert party.http.put(entry, json={"value": number}).status_code in {200, 201}

    assert admin.put(f"/agents/{party.id}/pause", json={"reason": "alert"}).status_code == 200
    paused = party.http.put(entry, json={"value": "never"})
    assert admin.delete(f"/agents/{party.id}/pause").status_code == 200

    assert refused(paused, 403)["code"] == "not_active"
    assert party.http.get(entry).json()["value"] == 4
    denied = {"actor": party.id, "outcome": "deny", "action": "access"}
    (record,) = admin.get("/audit/records", params=denied).json()["items"]
    assert record["reason"] == "not_active"


def test_a_request_id_comes_back(http: httpx.Client, place: str) -> None:
    given = http.get(place, headers={"X-Request-ID": "my-request.1"})
    made_up = http.get(place)

    assert given.headers["x-request-id"] == given.json()["instance"] == "my-request.1"
    assert made_up.headers["x-request-id"]


@pytest.mark.parametrize("name", ["Stateward-Purpose", "Stateward-Run", "Stateward-On-Behalf-Of"])
def test_a_call_cannot_say_too_much(http: httpx.Client, place: str, name: str) -> None:
    refused(http.get(place, headers={name: "x" * 2000}), 400)


def test_a_purpose_may_be_in_any_language(http: httpx.Client, place: str) -> None:
    purpose = {"Stateward-Purpose": "Erstattung für 東京".encode()}

    assert http.put(place, json={"value": 1}, headers=purpose).status_code == 201


def test_a_trace_context_is_taken(http: httpx.Client, place: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert http.put(place, json={"value": 1}, headers={"traceparent": trace}).status_code == 201
    assert http.put(place, json={"value": 1}, headers={"traceparent": "odd"}).status_code == 200


def test_another_tenants_things_do_not_exist(
    running_stack: SharedStack, http: httpx.Client, namespace: str, place: str, admin: httpx.Client
) -> None:
    """Nothing told apart from what is not there: status, body and headers' names are the same."""
    http.put(place, json={"value": 1})
    policy = admin.get("/policies").json()["items"][0]["id"]
    with caller(running_stack.url, running_stack.stranger) as stranger:
        for there, nowhere in [
            (f"/namespaces/{namespace}", "/namespaces/contract.nowhere"),
            (place, "/namespaces/contract.nowhere/entries/k"),
            (f"{place}/revisions", "/namespaces/contract.nowhere/entries/k/revisions"),
            (
                f"{place}/diff?from=0&to=1",
                "/namespaces/contract.nowhere/entries/k/diff?from=0&to=1",
            ),
            (f"/namespaces/{namespace}/entries", "/namespaces/contract.nowhere/entries"),
            (f"/policies/{policy}", "/policies/00000000-0000-7000-8000-000000000000"),
        ]:
            hidden, absent = stranger.get(there), stranger.get(nowhere)
            assert hidden.status_code == absent.status_code
            same = {name: value for name, value in hidden.json().items() if name != "instance"}
            assert same == {k: v for k, v in absent.json().items() if k != "instance"}
        assert namespace not in stranger.get("/namespaces").text
