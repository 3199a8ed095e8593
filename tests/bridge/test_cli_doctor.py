"""`stateward doctor`: what is wrong, and what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import agents_bridge
from agents_bridge.cli import _app, _doctor

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAGE = {"items": [], "next_cursor": None}


def _answers(
    ready: httpx.Response | None = None,
    listing: httpx.Response | None = None,
    alive: httpx.Response | Exception | None = None,
) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/healthz" and isinstance(alive, Exception):
            raise alive
        if path == "/readyz":
            return ready or httpx.Response(200, json={})
        return (
            (listing or httpx.Response(200, json=PAGE))
            if path.startswith("/api")
            else httpx.Response(200)
        )

    return answer


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("STATEWARD_URL", "http://x.test")
    monkeypatch.setenv("STATEWARD_API_KEY", "sw_k")

    def run(answer: Any, *more: str) -> tuple[int, Any, str]:
        client = agents_bridge.Client
        transport = httpx.MockTransport(answer)
        with monkeypatch.context() as patch:
            patch.setattr(
                agents_bridge, "Client", lambda *a, **k: client(*a, transport=transport, **k)
            )
            code = _app.run(["doctor", "--json"])
            states = {each["name"]: each["state"] for each in json.loads(capsys.readouterr().out)}
            _app.run(["doctor"])
        return code, states, capsys.readouterr().out

    return run


def test_a_healthy_installation(doctor: Any) -> None:
    code, states, drawn = doctor(_answers())

    assert code == 0
    assert states == dict.fromkeys(["profile", "server", "readiness", "credential"], "ok")
    assert "✓" in drawn
    assert "reads and writes work" in drawn


def test_nobody_there(doctor: Any) -> None:
    code, states, drawn = doctor(_answers(alive=httpx.ConnectError("refused")))

    assert (code, states["server"]) == (6, "failed")
    assert "is it running" in drawn


@pytest.mark.parametrize(
    ("ready", "state", "code"),
    [
        (httpx.Response(503, json={"database": "down"}), "failed", 6),
        (httpx.Response(500), "failed", 6),
        (httpx.Response(200, json={"degraded": True, "redis": "down"}), "warning", 0),
    ],
)
def test_a_server_that_is_not_well(
    doctor: Any, ready: httpx.Response, state: str, code: int
) -> None:
    found, states, _ = doctor(_answers(ready=ready))

    assert (found, states["readiness"]) == (code, state)


@pytest.mark.parametrize(
    ("listing", "state", "code"),
    [
        (httpx.Response(401, json={"detail": "no"}), "failed", 5),
        (httpx.Response(403, json={"detail": "no"}), "warning", 0),
        (httpx.Response(500), "failed", 6),
    ],
)
def test_a_key_that_is_not_well(
    doctor: Any, listing: httpx.Response, state: str, code: int
) -> None:
    found, states, _ = doctor(_answers(listing=listing))

    assert (found, states["credential"]) == (code, state)


def test_the_clock_is_compared(doctor: Any) -> None:
    wrong = httpx.Response(200, json={}, headers={"Date": "Sat, 21 Nov 2020 12:00:00 GMT"})

    assert doctor(_answers(ready=wrong))[1]["clock"] == "warning"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "agree"), (60, "60 s ahead of"), (-60, "60 s behind")]
)
def test_a_wrong_clock_is_said_to_be_wrong(seconds: int, words: str) -> None:
    assert words in _doctor._clock(NOW, NOW + timedelta(seconds=seconds)).finding
