"""No odd text is an error of ours: it is taken exactly, or refused with its place."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.contract.odd_json import Odd, odd_texts
from tests.contract.parties import Party, make_namespace
from tests.contract.problems import pointers, refused
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

TEXTS = odd_texts()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def place(http: httpx.Client) -> str:
    return f"/namespaces/{make_namespace(http)}/entries/odd"


def test_there_are_many_of_them() -> None:
    assert len(TEXTS) >= 318
    assert len({odd.name for odd in TEXTS}) == len(TEXTS)


@pytest.mark.parametrize("odd", TEXTS, ids=lambda odd: odd.name)
def test_a_value_is_taken_exactly_or_refused_with_its_place(
    http: httpx.Client, place: str, odd: Odd
) -> None:
    answer = http.put(place, content=b'{"value":' + odd.text + b"}", headers=JSON)

    if odd.verdict == "accept":
        assert answer.status_code in {200, 201}, answer.text[:300]
        assert _exact(json.loads(answer.content)["value"]) == _exact(json.loads(odd.text))
        return
    (pointer,) = pointers(refused(answer, 400))
    if odd.pointer is not None:
        assert pointer == f"/value{odd.pointer}"


@pytest.mark.parametrize(
    ("method", "path", "media_type"),
    [
        ("POST", "/namespaces", "application/json"),
        ("PATCH", "/namespaces/{ns}", "application/json"),
        ("PATCH", "{place}", "application/merge-patch+json"),
        ("PATCH", "{place}", "application/json-patch+json"),
        ("POST", "{place}/rollback", "application/json"),
        ("POST", "/policies/validation", "application/json"),
    ],
)
def test_a_whole_body_is_never_an_error_of_ours(
    admin: httpx.Client, place: str, method: str, path: str, media_type: str
) -> None:
    wrong = []
    target = path.format(place=place, ns=place.split("/")[2])
    for odd in TEXTS:
        answer = admin.request(
            method, target, content=odd.text, headers={"Content-Type": media_type}
        )
        is_taken = odd.verdict == "refuse" and odd.text and answer.status_code < 400
        if answer.status_code >= 500 or is_taken:
            wrong.append((odd.name, answer.status_code))

    assert wrong == []


def test_nor_is_a_question_about_a_decision(running_stack: SharedStack, builder: Party) -> None:
    headers = {"Authorization": f"Bearer {builder.api_key}", **JSON}
    with httpx.Client(base_url=running_stack.url, headers=headers, timeout=30) as client:
        statuses = {
            odd.name: client.post("/access/v1/evaluation", content=odd.text).status_code
            for odd in TEXTS
        }

    assert {name: status for name, status in statuses.items() if status >= 500} == {}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings_are_refused(http: httpx.Client, place: str, encoding: str) -> None:
    body = '{"value": "ü"}'.encode(encoding)

    refused(http.put(place, content=body, headers=JSON), 400)


def test_a_million_members_are_an_answer_not_an_accident(http: httpx.Client, place: str) -> None:
    many = b'{"value":{' + b",".join(b'"%d":0' % number for number in range(60_000)) + b"}}"
    too_many = b'{"value":{' + b",".join(b'"%d":0' % number for number in range(1_000_000)) + b"}}"

    assert http.put(place, content=many, headers=JSON).status_code in {200, 201}
    refused(http.put(place, content=too_many, headers=JSON), 413)


def _exact(value: Any) -> Any:
    """A value with its types: 1 and 1.0 and true are three things."""
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return type(value).__name__, value
