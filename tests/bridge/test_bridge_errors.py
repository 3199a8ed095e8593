"""Refusals become one tree of exceptions."""

from __future__ import annotations

import pickle
from typing import Any

import httpx
import pytest

import agents_bridge
from agents_bridge import ApiError, Client, Retry, ServerError, UnexpectedResponse
from agents_bridge._errors import api_error

STATUSES = {
    400: "Malformed",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    422: "Unprocessable",
    423: "Locked",
    428: "PreconditionRequired",
    429: "TooManyRequests",
    503: "Unavailable",
    507: "StorageFull",
}


@pytest.mark.parametrize(("status", "name"), STATUSES.items())
def test_each_status_has_its_class(status: int, name: str) -> None:
    assert type(api_error(status, {})) is getattr(agents_bridge, name)


@pytest.mark.parametrize(
    ("code", "name", "parent"),
    [
        ("use_actions", "UseActions", "Conflict"),
        ("under_hold", "UnderHold", "Conflict"),
        ("merge_conflict", "MergeConflict", "Conflict"),
        ("contended", "Contended", "Conflict"),
        ("namespace_exists", "NamespaceExists", "Conflict"),
        ("schema_violation", "SchemaViolation", "Unprocessable"),
        ("idempotency_key_reused", "IdempotencyKeyReused", "Unprocessable"),
    ],
)
def test_some_codes_have_a_narrower_one(code: str, name: str, parent: str) -> None:
    error = api_error(409, {"code": code})

    assert type(error) is getattr(agents_bridge, name)
    assert isinstance(error, getattr(agents_bridge, parent))


def test_a_write_that_waits_says_where_it_stands() -> None:
    place = "/api/v1/pending/0192"

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(202, json={"pending": "0192"}, headers={"Location": place})

    with (
        Client("http://s.test", "k", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(agents_bridge.WritePending) as waits,
    ):
        client.entries.put("notes", "k", 1)

    assert (waits.value.pending, waits.value.location) == ("0192", place)
    assert pickle.loads(pickle.dumps(waits.value)).pending == "0192"


def test_unknown_statuses_are_the_nearest_class_above() -> None:
    assert type(api_error(418, {})) is ApiError
    assert type(api_error(500, {})) is ServerError


def test_what_the_server_said_is_kept() -> None:
    error = api_error(
        422,
        {
            "code": "schema_violation",
            "title": "No",
            "detail": "It does not fit.",
            "instance": "req-1",
            "errors": [{"pointer": "/value/n", "message": "too big"}, "nonsense"],
        },
    )

    assert (error.status, error.code, error.title, error.request_id) == (
        422,
        "schema_violation",
        "No",
        "req-1",
    )
    assert str(error) == "It does not fit. [422 schema_violation]\n  /value/n: too big"
    assert str(api_error(400, {"errors": [{"message": "bad"}]}).errors[0]) == "(body): bad"


def test_a_denial_says_which_decision_it_was() -> None:
    error = api_error(403, {"decision_id": "d-1", "reason": "deny_forbid"})

    assert isinstance(error, agents_bridge.Forbidden)
    assert (error.decision_id, error.reason) == ("d-1", "deny_forbid")


def test_a_stale_version_says_what_is_current() -> None:
    stale = api_error(412, {"current_version": 7})
    absent = api_error(412, {"current_version": None})

    assert isinstance(stale, agents_bridge.PreconditionFailed)
    assert isinstance(absent, agents_bridge.PreconditionFailed)
    assert (stale.current_version, absent.current_version) == (7, None)


def test_a_merge_conflict_names_the_places() -> None:
    error = api_error(409, {"code": "merge_conflict", "conflicts": ["/a", "/b"]})

    assert isinstance(error, agents_bridge.MergeConflict)
    assert error.conflicts == ("/a", "/b")


def test_an_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(api_error(429, {"detail": "Slow."}, retry_after=2.0)))

    assert (type(error), error.detail, error.retry_after) == (
        agents_bridge.TooManyRequests,
        "Slow.",
        2.0,
    )


def _answering(response: httpx.Response) -> Client:
    return Client(
        "http://somewhere.test",
        "sw_key",
        transport=httpx.MockTransport(lambda request: response),
        retry=Retry(attempts=1),
    )


@pytest.mark.parametrize(
    "content",
    [b"<html>not here</html>", b"[1]", b"{", b'"text"'],
    ids=["html", "list", "cut", "text"],
)
def test_a_refusal_without_a_problem_document_still_has_its_class(content: bytes) -> None:
    headers = {"content-type": "text/html" if content[:1] == b"<" else "application/json"}

    with (
        _answering(httpx.Response(404, headers=headers, content=content)) as client,
        pytest.raises(agents_bridge.NotFound) as caught,
    ):
        client.namespaces.get("notes")

    assert caught.value.code == "http_404"


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(200, content=b"<html>"), "not JSON"),
        (httpx.Response(200, json=[1]), "not a JSON object"),
        (httpx.Response(200, json={"scope": "shared"}), "'name' is missing"),
        (httpx.Response(200, json={"name": "n", "created_at": "yesterday"}), "created_at"),
        (httpx.Response(302, headers={"location": "/login"}), "points to /login"),
    ],
)
def test_what_is_no_stateward_server_is_said_so(response: httpx.Response, words: str) -> None:
    with _answering(response) as client, pytest.raises(UnexpectedResponse, match=words):
        client.namespaces.get("notes")


def test_a_list_of_nonsense_is_said_so() -> None:
    answer: dict[str, Any] = {"items": ["text"], "next_cursor": None}

    with (
        _answering(httpx.Response(200, json=answer)) as client,
        pytest.raises(UnexpectedResponse, match="not a JSON object"),
    ):
        list(client.namespaces.list())
