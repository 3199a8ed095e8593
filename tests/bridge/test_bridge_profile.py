"""Where the address and the key come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents_bridge import NotConfigured, find_profile

QUICKSTART = {
    "url": "http://127.0.0.1:8400/",
    "agents": [{"name": "builder", "api_key": "sw_b"}, {"name": "reader", "api_key": "sw_r"}],
}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "quickstart.json").write_text(json.dumps(QUICKSTART))
    return {"STATEWARD_HOME": str(tmp_path)}


def test_arguments_come_first(home: dict[str, str]) -> None:
    profile = find_profile("http://x.test/", "sw_1", environ=home)

    assert (profile.url, profile.api_key, profile.source) == ("http://x.test", "sw_1", "arguments")
    assert "sw_1" not in repr(profile)


def test_then_the_environment(home: dict[str, str]) -> None:
    environ = {**home, "STATEWARD_URL": "http://e.test", "STATEWARD_API_KEY": "sw_e"}

    profile = find_profile(environ=environ)

    assert (profile.url, profile.api_key, profile.source) == (
        "http://e.test",
        "sw_e",
        "environment",
    )


def test_then_what_the_quickstart_wrote(home: dict[str, str]) -> None:
    profile = find_profile(environ=home)

    assert (profile.url, profile.api_key, profile.agent) == (
        "http://127.0.0.1:8400",
        "sw_b",
        "builder",
    )


def test_an_agent_of_the_quickstart_can_be_named(home: dict[str, str]) -> None:
    environ = {**home, "STATEWARD_URL": "http://e.test", "STATEWARD_API_KEY": "sw_e"}

    assert find_profile(agent="reader", environ=environ).api_key == "sw_r"


def test_another_address_of_the_same_server_can_be_named(home: dict[str, str]) -> None:
    assert find_profile("http://proxy.test", environ=home).url == "http://proxy.test"


def test_an_unknown_agent_is_told_who_there_is(home: dict[str, str]) -> None:
    with pytest.raises(NotConfigured, match="it has: builder, reader"):
        find_profile(agent="nobody", environ=home)


def test_nothing_at_all_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured):
        find_profile(environ={"STATEWARD_HOME": str(tmp_path)})
    with pytest.raises(NotConfigured, match="make up"):
        find_profile(agent="reader", environ={"STATEWARD_HOME": str(tmp_path)})


def test_a_key_without_an_address_is_not_enough(home: dict[str, str]) -> None:
    with pytest.raises(NotConfigured):
        find_profile(environ={**home, "STATEWARD_API_KEY": "sw_e"})


@pytest.mark.parametrize(
    ("text", "words"), [("{", "cannot be read"), ("[]", "JSON object"), ("{}", "it has: none")]
)
def test_a_broken_quickstart_is_said_so(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "quickstart.json").write_text(text)

    with pytest.raises(NotConfigured, match=words):
        find_profile(environ={"STATEWARD_HOME": str(tmp_path)})


def test_the_home_is_beside_one_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".stateward").mkdir()
    (tmp_path / ".stateward" / "quickstart.json").write_text(json.dumps(QUICKSTART))
    monkeypatch.chdir(tmp_path)
    for name in ("STATEWARD_URL", "STATEWARD_API_KEY", "STATEWARD_HOME"):
        monkeypatch.delenv(name, raising=False)

    assert find_profile().api_key == "sw_b"
