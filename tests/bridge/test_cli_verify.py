"""`stateward verify` and the commands whose answers the fake server does not have."""

from __future__ import annotations

import functools
import importlib.util
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import agents_bridge
from agents_bridge.cli import _app, _verify

VERIFIER = """
import sys
print("checked", *sys.argv[1:])
sys.stderr.write("a word\\n")
sys.exit(0 if open(sys.argv[1]).read() == "good" else 1)
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.txt"
    path.write_text("good")
    return path


@pytest.fixture
def verifier(tmp_path: Path) -> Path:
    path = tmp_path / "verify.py"
    path.write_text(VERIFIER)
    return path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, httpx.Response]:
    """What the server answers, by path; 404 for the rest."""
    found: dict[str, httpx.Response] = {}
    transport = httpx.MockTransport(
        lambda request: found.get(request.url.path, httpx.Response(404))
    )
    monkeypatch.setenv("STATEWARD_URL", "http://x.test")
    monkeypatch.setenv("STATEWARD_API_KEY", "sw_k")
    carried = functools.partial(agents_bridge.Client, transport=transport)
    monkeypatch.setattr(agents_bridge, "Client", carried)
    return found


def test_a_good_bundle_is_ok(
    bundle: Path, verifier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _app.run(
        ["verify", str(bundle), "--verifier", str(verifier), "--key", "k", "--checkpoint", "c"]
    )

    said = capsys.readouterr()
    assert code == 0
    assert said.out == f"checked {bundle} --key k --checkpoint c\n"
    assert said.err == "a word\n✓ the bundle holds\n"


def test_a_quiet_verifier_is_enough(
    bundle: Path, verifier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verifier.write_text("print('fine')")

    assert _app.run(["verify", str(bundle), "--verifier", str(verifier), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"verified": True, "output": ["fine"]}
    assert said.err == ""


def test_a_bad_bundle_fails(
    bundle: Path, verifier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle.write_text("bad")

    assert _app.run(["verify", str(bundle), "--verifier", str(verifier)]) == 1
    assert "the bundle holds" not in capsys.readouterr().err
    code = _app.run(["verify", str(bundle), "--verifier", str(verifier), "--json"])

    assert code == 1
    assert json.loads(capsys.readouterr().out) == {
        "verified": False,
        "output": [f"checked {bundle}"],
    }


def test_the_packaged_verifier_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "stateward" / "gate" / "audit"
    place.mkdir(parents=True)
    (place / "verify.py").write_text("raise SystemExit(9)")
    spec = importlib.util.spec_from_file_location(
        "stateward",
        tmp_path / "stateward" / "__init__.py",
        submodule_search_locations=[str(tmp_path / "stateward")],
    )

    monkeypatch.setattr(_verify, "find_spec", lambda name: spec)
    assert _verify.packaged_verifier() == place / "verify.py"
    (place / "verify.py").unlink()
    assert _verify.packaged_verifier() is None
    monkeypatch.setattr(_verify, "find_spec", lambda name: None)
    assert _verify.packaged_verifier() is None


def test_without_any_the_server_is_asked_for_one(
    bundle: Path,
    answers: dict[str, httpx.Response],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_verify, "packaged_verifier", lambda: None)
    answers["/api/v1/audit/verifier"] = httpx.Response(200, text=VERIFIER)

    assert _app.run(["verify", str(bundle)]) == 0
    assert "came from the server itself" in capsys.readouterr().err


def test_no_verifier_at_all_is_usage(
    bundle: Path, answers: dict[str, httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_verify, "packaged_verifier", lambda: None)

    assert _app.run(["verify", str(bundle)]) == 2


def test_a_proof_is_printed(
    answers: dict[str, httpx.Response], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["/api/v1/audit/records/r-1/proof"] = httpx.Response(200, json={"index": 7})

    assert _app.run(["audit", "proof", "r-1"]) == 0
    assert json.loads(capsys.readouterr().out) == {"index": 7}


def test_a_bundle_is_exported(
    answers: dict[str, httpx.Response], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers["/api/v1/audit/bundle"] = httpx.Response(200, text="x" * 3000)

    assert _app.run(["audit", "export", str(tmp_path / "b.txt")]) == 0
    assert "2.9 KiB, SHA-256" in capsys.readouterr().err
    assert _app.run(["audit", "export", str(tmp_path / "b.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size_bytes"] == 3000


EXPLAIN = ["policy", "explain", "agent:a", "state.write", "namespace:notes"]


RULE = {"label": "no-customers", "name": "night", "version": 1, "effect": "forbid", "line": 3}
CLAUSE = "context.hour > 6"


def test_a_denial_is_explained(
    answers: dict[str, httpx.Response], capsys: pytest.CaptureFixture[str]
) -> None:
    explanation: dict[str, Any] = {
        "outcome": "deny_forbid",
        "reason": "a policy forbids it",
        "determining": [RULE, {**RULE, "label": "", "version": None}, "plain"],
        "near_misses": [
            {"rule": RULE, "clause": CLAUSE, "values": {"context.hour": 3, "name": "x"}},
            {"rule": "day", "clause": CLAUSE},
            "plain too",
        ],
        "errors": [{"rule": "x", "message": "overflow"}],
        "policy_set": "abc",
    }
    answers["/api/v1/decisions/explanation"] = httpx.Response(200, json=explanation)

    assert _app.run(EXPLAIN) == 5
    drawn = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "decided by  forbid “no-customers” in night@1, line 3" in drawn
    assert "decided by  forbid in night, line 3" in drawn
    near = "context.hour > 6 (context.hour is 3, name is x)"
    assert f"nearly      forbid “no-customers” in night@1, line 3: {near}" in drawn
    assert "nearly      day: context.hour > 6" in drawn
    assert _app.run([*EXPLAIN, "--json"]) == 5
    assert json.loads(capsys.readouterr().out) == explanation


def test_what_is_allowed_is_ok(answers: dict[str, httpx.Response]) -> None:
    answers["/api/v1/decisions/explanation"] = httpx.Response(200, json={"outcome": "allow"})

    assert _app.run(EXPLAIN) == 0


RECORDS = [
    {"id": "1", "action": "x", "resource": {"type": "entry", "namespace": "n", "key": "k"}},
    {"id": "2", "action": "x", "resource": {"type": "entry", "namespace": "n", "key": None}},
    {"id": "3", "action": "x", "resource": {"type": "policy", "id": "p"}},
    {"id": "4", "action": "x"},
]


def test_resources_are_shown_in_each_form(
    answers: dict[str, httpx.Response], capsys: pytest.CaptureFixture[str]
) -> None:
    page = {"items": RECORDS, "next_cursor": None}
    answers["/api/v1/audit/records"] = httpx.Response(200, json=page)

    assert _app.run(["audit", "search"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[-2] for line in lines] == ["n/k", "n", "policy:p", "-"]


MOVED = [
    {"op": "copy", "from": "/a", "path": "/b"},
    {"op": "replace", "path": "/x/y", "value": 1},
    {"op": "replace", "path": "", "value": 2},
]


def test_changes_that_cannot_be_looked_up_are_still_shown(
    answers: dict[str, httpx.Response], capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"namespace": "n", "key": "k", "version": 1, "value": {"a": 1}}
    answers["/api/v1/namespaces/n/entries/k"] = httpx.Response(200, json=entry)
    diff = {"from": 1, "to": 2, "patch": MOVED}
    answers["/api/v1/namespaces/n/entries/k/diff"] = httpx.Response(200, json=diff)

    assert _app.run(["diff", "n", "k", "1", "2"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["~", "/b", "copy", "from", "/a"],
        ["~", "/x/y", "…", "→", "1"],
        ["~", "(value)", '{"a":', "1}", "→", "2"],
    ]


def test_the_module_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stateward", "--help"])

    with pytest.raises(SystemExit) as end:
        runpy.run_module("agents_bridge.cli", run_name="__main__")
    assert end.value.code == 0
