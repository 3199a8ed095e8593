"""One JSON object a line, with what it is about; never a value, never a secret."""

from __future__ import annotations

import json
import logging
import sys
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from stateward.kernel.errors import Conflict
from stateward.operations import logs
from stateward.operations.logs import HIDDEN, RequestLogMiddleware, bound, line
from stateward.settings.logs import LOGGING

VALUE = "the patient's name is Ada"


class Log:
    """A logger of the test's own, and what it wrote."""

    def __init__(self, *, as_text: bool = False) -> None:
        self.stream = StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(line(as_text=as_text))
        self.logger = logging.Logger("stateward.probe")
        self.logger.addHandler(handler)

    def last(self) -> dict[str, Any]:
        written = self.stream.getvalue().splitlines()
        found: dict[str, Any] = json.loads(written[-1])
        return found


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_line_says_what_and_when_and_about_what(log: Log) -> None:
    log.logger.warning("run.lost", extra={"run_id": "r-1", "count": 3})

    found = log.last()
    at = found.pop("at")
    assert at.endswith("Z")
    assert found == {
        "event": "run.lost",
        "level": "warning",
        "logger": "stateward.probe",
        "run_id": "r-1",
        "count": 3,
    }


def test_what_is_bound_is_on_every_line_meanwhile(log: Log) -> None:
    with bound(run_id="r-1", job="backup.create"):
        log.logger.warning("one")
        inside = log.last()
    log.logger.warning("two")

    assert (inside["run_id"], inside["job"]) == ("r-1", "backup.create")
    assert "run_id" not in log.last()


def test_a_request_is_named_while_it_is_answered(log: Log) -> None:
    def answer(request: object) -> HttpResponse:
        log.logger.warning("page.failed")
        return HttpResponse()

    request = RequestFactory().get("/", headers={"X-Request-ID": "req-7"})
    RequestLogMiddleware(answer)(request)  # type: ignore[arg-type]

    assert log.last()["request_id"] == "req-7"


def test_an_error_is_told_by_kind_and_place_not_by_its_text(log: Log) -> None:
    try:
        try:
            raise KeyError(VALUE)
        except KeyError as cause:
            raise ValueError(VALUE) from cause
    except ValueError:
        log.logger.exception("job.failed")

    found = log.last()
    assert found["error"] == "ValueError from KeyError"
    assert found["trace"][-1].endswith("test_an_error_is_told_by_kind_and_place_not_by_its_text")
    assert VALUE not in log.stream.getvalue()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "ConnectionRefusedError: [Errno 111]"),
        (psycopg.OperationalError("server closed\nDETAIL: x"), "OperationalError: server closed"),
        (Conflict("Only a run that failed."), "Conflict: Only a run that failed."),
        (psycopg.errors.UniqueViolation(f"Key (name)=({VALUE})"), "UniqueViolation"),
    ],
    ids=["os", "postgres", "ours", "values"],
)
def test_errors_of_the_machine_are_told_in_words(log: Log, error: Exception, told: str) -> None:
    try:
        raise error
    except Exception:
        log.logger.exception("it.failed")

    said = log.last()["error"]
    assert said.startswith(told)
    assert VALUE not in said
    assert "DETAIL" not in said


@pytest.mark.parametrize(
    "extra",
    [
        {"password": "pw"},
        {"api_key": "pw"},
        {"Authorization": "pw"},
        {"about": {"secret_key": "pw"}},
        {"says": "Bearer pw"},
        {"address": "postgresql://stateward_app:pw@db/stateward"},
        {"says": "credential sw_abc_pw was refused"},
        {"says": ["host=db password=pw dbname=x"]},
    ],
    ids=lambda extra: "-".join(extra) + str(len(str(extra))),
)
def test_secrets_are_hidden(log: Log, extra: dict[str, Any]) -> None:
    log.logger.warning("something.said", extra=extra)

    assert "pw" not in log.stream.getvalue()
    assert HIDDEN in log.stream.getvalue()


def test_a_number_is_no_secret(log: Log) -> None:
    log.logger.warning("model.asked", extra={"tokens": 512, "token": 3})

    assert (log.last()["tokens"], log.last()["token"]) == (512, 3)


def test_a_value_that_is_no_json_does_not_lose_the_line(log: Log) -> None:
    log.logger.warning("odd", extra={"thing": object})

    assert "object" in log.last()["thing"]


def test_on_a_terminal_it_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(as_text=True)
    log.logger.warning("run.lost", extra={"run_id": "r-1"})

    assert "run.lost" in log.stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        log.last()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(logs.line().processors[-1], type(line(as_text=True).processors[-1]))  # type: ignore[attr-defined]


def test_every_process_logs_through_it() -> None:
    """Servers that would set up their own are named."""
    assert {"uvicorn", "_granian", "celery", "django"} <= set(LOGGING["loggers"])  # type: ignore[call-overload]
    assert LOGGING["root"]["handlers"] == ["stderr"]  # type: ignore[index]
