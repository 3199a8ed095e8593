"""Settings of the model's help that cannot be meant are refused at the start."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks

from stateward.operations.stack.assembly import _model_settings

URL, MODEL = "https://api.openai.com/v1", "gpt"


def found(settings: Any, url: str, model: str, *private: str) -> list[str]:
    settings.ASSIST_URL, settings.ASSIST_MODEL = url, model
    settings.ASSIST_PRIVATE_HOSTS = [*private]
    return [str(one.id) for one in run_checks(tags=["stateward"]) if "E04" in str(one.id)]


@pytest.mark.parametrize(
    ("url", "model", "private"),
    [
        ("", "", []),
        (URL, MODEL, []),
        ("http://127.0.0.1:11434/v1", MODEL, ["127.0.0.1"]),
    ],
    ids=["off", "hosted", "own"],
)
def test_what_can_be_meant_passes(settings: Any, url: str, model: str, private: list[str]) -> None:
    assert found(settings, url, model, *private) == []


@pytest.mark.parametrize(
    ("url", "model", "number"),
    [
        (URL, "", "E040"),
        ("", MODEL, "E040"),
        ("api.openai.com/v1", MODEL, "E041"),
        ("ftp://api.openai.com/v1", MODEL, "E041"),
        ("https://user:key@api.openai.com/v1", MODEL, "E041"),
        ("https://api.openai.com/v1?key=x", MODEL, "E041"),
        ("https:///v1", MODEL, "E041"),
        ("http://api.openai.com/v1", MODEL, "E042"),
    ],
    ids=["url-alone", "model-alone", "no-scheme", "ftp", "key", "query", "no-host", "clear"],
)
def test_what_cannot_is_refused(settings: Any, url: str, model: str, number: str) -> None:
    assert found(settings, url, model) == [f"stateward.{number}"]


def test_make_up_hands_on_where_the_model_is_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STATEWARD_ASSIST_URL", URL)
    monkeypatch.setenv("STATEWARD_ASSIST_MODEL", MODEL)
    monkeypatch.setenv("STATEWARD_TLS", "no")

    assert _model_settings() == {
        "STATEWARD_ASSIST_URL": URL,
        "STATEWARD_ASSIST_MODEL": MODEL,
    }
