"""Cursors, limits, calls and problem documents: what both planes share."""

from __future__ import annotations

import base64

import pytest
from django.core import exceptions as django
from django.db import IntegrityError, OperationalError
from django.http import Http404
from django.utils.datastructures import CaseInsensitiveMapping
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import exceptions as drf

from stateward.kernel.errors import Fault, Forbidden, Malformed, NotFound, StatewardError
from stateward.web.calls import call_of, request_id_of
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit
from stateward.web.problems import as_stateward, problem

PLACES = st.lists(st.none() | st.integers() | st.text(st.characters(exclude_characters="\x00",
                  exclude_categories=("Cs",))), max_size=4)  # fmt: skip


@settings(deadline=None)
@given(PLACES)
def test_a_cursor_reads_back_and_is_safe_in_a_url(place: list[str | int | None]) -> None:
    cursor = encode_cursor(place)

    assert decode_cursor(cursor, length=len(place)) == place
    assert all(one.isalnum() or one in "-_" for one in cursor)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_other_text_is_no_cursor(text: str) -> None:
    try:
        place = decode_cursor(text, length=1)
    except Malformed:
        return
    assert len(place) == 1


@pytest.mark.parametrize(
    "place", ['{"a":1}', "[1,2]", "[true]", "[1.5]", "[[]]", '["\\u0000"]', "x"]
)
def test_cursors_of_another_shape_are_refused(place: str) -> None:
    cursor = base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()

    with pytest.raises(Malformed):
        decode_cursor(cursor, length=1)


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.0", "٣", "", "00001", "x"])
def test_limits_are_1_to_1000(text: str) -> None:
    with pytest.raises(Malformed):
        parse_limit(text)


def test_a_limit_left_out_is_100() -> None:
    assert parse_limit(None) == 100
    assert parse_limit("1000") == 1000


def headers(**given: str) -> CaseInsensitiveMapping[str]:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return CaseInsensitiveMapping(named)


def test_a_call_is_read_from_its_headers() -> None:
    said = headers(Stateward_Purpose=" billing ", User_Agent="x" * 900, X_Request_ID="r-1")

    call = call_of(said.get, source_address="192.0.2.1")

    assert (call.request_id, call.purpose, len(call.user_agent)) == ("r-1", "billing", 512)
    assert call.run is call.on_behalf_of is call.trace_id is None


@pytest.mark.parametrize("text", ["x" * 513, "a\x07b", "a\u202eb"])
def test_a_purpose_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        call_of(headers(Stateward_Purpose=text).get, source_address="")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", "a\n"])
def test_a_request_id_is_made_up_where_none_fits(given: str) -> None:
    assert request_id_of(headers(X_Request_ID=given).get) != given


def test_a_problem_document_says_what_and_where() -> None:
    error = Forbidden("No.", errors=(Fault("/value", "bad"),), decision_id="d", headers={"X": "y"})

    status, sent, body = problem(error, "r-1")

    assert (status, sent["Content-Type"], sent["X"]) == (403, "application/problem+json", "y")
    assert body == {
        "type": "urn:stateward:problem:forbidden",
        "title": "Not allowed",
        "status": 403,
        "detail": "No.",
        "instance": "r-1",
        "code": "forbidden",
        "decision_id": "d",
        "errors": [{"pointer": "/value", "message": "bad"}],
    }


class NoSuchThing(NotFound):
    """There is no thing called booker."""

    code = "no_such_thing"


def test_every_404_has_one_body() -> None:
    errors = [NotFound(), NotFound("booker"), NoSuchThing(), NotFound(decision_id="d")]

    bodies = [problem(error, "r")[2] for error in errors]

    assert all(body == bodies[0] for body in bodies)


def test_a_fault_of_ours_says_nothing() -> None:
    _, _, body = problem(StatewardError("password hunter2", secret="x"), "r")

    assert "hunter2" not in str(body)
    assert "secret" not in body


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (drf.ParseError(), 400),
        (drf.NotAuthenticated(), 401),
        (drf.AuthenticationFailed(), 401),
        (drf.PermissionDenied(), 403),
        (drf.NotFound(), 404),
        (drf.MethodNotAllowed("GET"), 405),
        (drf.NotAcceptable(), 406),
        (drf.UnsupportedMediaType("x"), 415),
        (drf.ValidationError({"a": ["b"]}), 422),
        (drf.Throttled(wait=3), 429),
        (drf.APIException(), 500),
        (Http404(), 404),
        (django.ObjectDoesNotExist(), 404),
        (django.PermissionDenied(), 403),
        (django.RequestDataTooBig(), 413),
        (django.SuspiciousOperation(), 400),
        (IntegrityError(), 409),
        (OperationalError(), 503),
        (ValueError(), 500),
    ],
)
def test_other_peoples_exceptions_find_their_place(error: Exception, status: int) -> None:
    assert as_stateward(error).status == status


def test_throttling_and_unavailability_say_when_to_come_back() -> None:
    assert as_stateward(drf.Throttled(wait=3)).headers["Retry-After"] == "4"
    assert "Retry-After" in as_stateward(OperationalError()).headers


def test_nested_faults_have_nested_pointers() -> None:
    detail = {"a/b": {"items": [{}, {"x": ["bad"]}]}, "non_field_errors": ["all"], "l": ["p", "q"]}

    error = as_stateward(drf.ValidationError(detail))

    assert [(fault.pointer, fault.message) for fault in error.errors] == [
        ("/a~1b/items/1/x", "bad"),
        ("", "all"),
        ("/l", "p"),
        ("/l", "q"),
    ]
