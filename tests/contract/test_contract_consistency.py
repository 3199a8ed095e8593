"""Levels of consistency: what every write answers, and what a read may ask for."""

from __future__ import annotations

import re

import httpx
import pytest

from agents_bridge import AsyncClient, Client, Malformed
from tests.contract.parties import Party
from tests.contract.problems import refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

LEVEL, TOKEN = "Stateward-Consistency", "Stateward-Consistency-Token"


def test_every_write_answers_a_token(http: httpx.Client, namespace: str, place: str) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    key = {"Idempotency-Key": "once"}
    transaction = {"operations": [{"op": "put", "key": "t", "value": 1}]}
    written = [
        http.put(place, json={"value": {"n": 1}}, headers=key),
        http.put(place, json={"value": {"n": 1}}, headers=key),  # answered from what was kept
        http.put(place, json={"value": {"n": 2}}),
        http.patch(place, json={"n": 3}, headers=merge),
        http.post(f"{place}/rollback", json={"version": 1}),
        http.delete(place),
        http.post(f"/namespaces/{namespace}/transactions", json=transaction),
    ]

    assert [answer.status_code for answer in written] == [201, 201, 200, 200, 200, 204, 200]
    assert written[1].headers["idempotency-replayed"] == "true"
    tokens = [answer.headers[TOKEN] for answer in written]
    assert all(re.fullmatch("[A-Za-z0-9_-]+", token) for token in tokens)
    assert len(set(tokens)) == len(tokens)


def test_a_read_answers_one_only_to_who_keeps_a_session(http: httpx.Client, place: str) -> None:
    http.put(place, json={"value": 1})

    assert TOKEN not in http.get(place).headers
    assert TOKEN not in http.get(place, headers={LEVEL: "eventual"}).headers
    for level in ("session", "strong"):
        assert http.get(place, headers={LEVEL: level}).headers[TOKEN]
        absent = http.get(f"{place}-absent", headers={LEVEL: level})
        assert (absent.status_code, bool(absent.headers[TOKEN])) == (404, True)


def test_a_session_read_sees_what_its_tokens_stand_for(http: httpx.Client, namespace: str) -> None:
    entries = f"/namespaces/{namespace}/entries"
    tokens = [http.put(f"{entries}/{key}", json={"value": key}).headers[TOKEN] for key in "abc"]
    headers = {LEVEL: "session", TOKEN: ",".join(tokens)}

    for key in "abc":
        assert http.get(f"{entries}/{key}", headers=headers).json()["value"] == key
    listed = http.get(entries, headers=headers).json()["items"]
    assert [entry["value"] for entry in listed] == ["a", "b", "c"]


@pytest.mark.parametrize("token", ["", "nonsense", "w1-5;w1-6", "w1-5,", "x" * 9000],
                         ids=["empty", "text", "joined", "comma", "long"])  # fmt: skip
def test_a_malformed_token_is_400(http: httpx.Client, place: str, token: str) -> None:
    http.put(place, json={"value": 1})
    answer = http.get(place, headers={LEVEL: "session", TOKEN: token})

    if token:
        assert refused(answer, 400)["code"] == "malformed"
    else:
        assert answer.status_code == 200


def test_a_level_there_is_none_of_is_400(http: httpx.Client, place: str) -> None:
    refused(http.get(place, headers={LEVEL: "linearizable"}), 400)


def test_a_token_from_elsewhere_is_no_error(http: httpx.Client, place: str) -> None:
    """Of a server that was lost, or of a time to come: the newest there is answers."""
    http.put(place, json={"value": 1})
    for token in ("wFF-12", "rFF-12", "w1-4611686018427387904"):
        answer = http.get(place, headers={LEVEL: "session", TOKEN: token})
        assert answer.json()["value"] == 1


def test_the_client_keeps_tokens_for_a_session(
    running_stack: SharedStack, builder: Party, namespace: str
) -> None:
    with Client(running_stack.url, builder.api_key) as client:
        one, two = client.begin_session(), client.begin_session()
        one.entries.put(namespace, "k", 1)
        assert one.entries.get(namespace, "k").value == 1
        assert one.consistency_token is not None
        assert "," not in one.consistency_token

        two.follow(one.consistency_token)
        assert two.entries.get(namespace, "k").value == 1
        assert client.entries.get(namespace, "k", consistency="eventual").value == 1
        two.follow("nonsense")
        with pytest.raises(Malformed):
            two.entries.get(namespace, "k")


async def test_the_asynchronous_client_does_too(
    running_stack: SharedStack, builder: Party, namespace: str
) -> None:
    async with AsyncClient(running_stack.url, builder.api_key) as client:
        one = client.begin_session()
        written = await one.entries.put(namespace, "k", 1)
        two = client.begin_session(written.consistency_token)

        assert (await two.entries.get(namespace, "k")).value == 1
        assert [entry.value async for entry in two.entries.list(namespace)] == [1]
