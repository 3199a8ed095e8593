"""The command: data to stdout, talk to stderr, exit codes as documented."""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import agents_bridge
from agents_bridge import Client, Retry
from agents_bridge.cli import _app, _common, _output, main
from agents_bridge.testing import FakeServer


@dataclass
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def stateward(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run one command against the server in memory."""
    monkeypatch.setenv("STATEWARD_URL", server.url)
    monkeypatch.setenv("STATEWARD_API_KEY", server.api_key)
    carried = functools.partial(Client, transport=server.transport)
    monkeypatch.setattr(agents_bridge, "Client", carried)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments: str, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = _app.run(list(arguments))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    with server.client(retry=Retry(attempts=1)) as client:
        client.namespaces.create("notes")
    return run


def test_a_value_is_written_and_read(stateward: Command) -> None:
    written = stateward("put", "notes", "a", '{"n": 1}', "--note", "first", "--label", "team=desk")
    read = stateward("get", "notes", "a")

    assert (written.code, written.out) == (0, "")
    assert written.err == "✓ notes/a is at version 1 (created)\n"
    assert (read.code, read.data) == (0, {"n": 1})
    assert "version 1" in read.err
    assert "by tester" in read.err


def test_json_gives_the_whole_entry(stateward: Command) -> None:
    stateward("put", "notes", "a", "1", "--ttl", "60")

    entry = stateward("get", "notes", "a", "--json").data

    assert (entry["value"], entry["version"], entry["namespace"]) == (1, 1, "notes")
    assert "expires" in stateward("get", "notes", "a").err


def test_a_text_needs_no_quotes_of_its_own(stateward: Command) -> None:
    stateward("put", "notes", "a", "hello there", "--string")

    assert stateward("get", "notes", "a").data == "hello there"
    refused = stateward("put", "notes", "b", "hello there")
    assert refused.code == 2
    assert "--string" in refused.err


def test_values_come_from_files_and_from_standard_input(stateward: Command, tmp_path: Path) -> None:
    (tmp_path / "value.json").write_text("[1, 2]")

    stateward("put", "notes", "a", f"@{tmp_path / 'value.json'}")
    stateward("put", "notes", "b", "-", stdin='{"from": "stdin"}')

    assert stateward("get", "notes", "a").data == [1, 2]
    assert stateward("get", "notes", "b").data == {"from": "stdin"}
    assert stateward("put", "notes", "c", "@nowhere.json").code == 2


def test_patches_are_of_two_kinds(stateward: Command) -> None:
    stateward("put", "notes", "a", '{"n": 1, "m": 2}')
    stateward("patch", "notes", "a", '{"m": null}')
    patched = stateward(
        "patch", "notes", "a", '[{"op": "add", "path": "/x", "value": 3}]', "--json"
    )

    assert patched.data["value"] == {"n": 1, "x": 3}


def test_entries_are_listed(stateward: Command) -> None:
    for key in ("b", "a", "c"):
        stateward("put", "notes", key, f'"{key}"')

    table = stateward("list", "notes", "--values", "--limit", "2")
    assert [line.split()[0] for line in table.out.splitlines()] == ["KEY", "a", "b"]
    assert "there are more" in table.err
    assert stateward("list", "notes", "--label", "a:b").out == ""
    assert [entry["key"] for entry in stateward("list", "notes", "--json").data] == ["a", "b", "c"]
    assert "nothing found" in stateward("list", "notes", "--prefix", "z").err


def test_a_transaction_is_all_or_none(stateward: Command) -> None:
    operations = [{"op": "put", "key": "a", "value": 1}, {"op": "check", "key": "b",
                  "if_absent": True}]  # fmt: skip

    done = stateward("transact", "notes", "-", stdin=json.dumps(operations))
    again = stateward("transact", "notes", json.dumps([*operations, {"op": "delete", "key": "x"}]))

    assert (done.code, done.out) == (0, "put    notes/a  v1\ncheck  notes/b  none\n")
    assert again.code == 3
    assert stateward("history", "notes", "a", "--json").out.count('"version"') == 1


def test_history_diff_and_rollback(stateward: Command) -> None:
    stateward("put", "notes", "a", '{"day": "Monday", "gone": 1, "l": [1]}')
    stateward("put", "notes", "a", '{"day": "Friday", "new": [2], "l": [2]}', "--note", "moved")

    history = stateward("history", "notes", "a")
    diff = stateward("diff", "notes", "a")
    back = stateward("rollback", "notes", "a", "1")

    assert "moved" in history.out
    assert [line.split() for line in diff.out.splitlines()] == [
        ["~", "/day", '"Monday"', "→", '"Friday"'],
        ["-", "/gone", "1"],
        ["~", "/l", "[1]", "→", "[2]"],
        ["+", "/new", "[2]"],
    ]
    assert "version 1 to 2, 4 changes" in diff.err
    assert "version 3" in back.err
    assert stateward("diff", "notes", "a", "1", "2", "--json").data["to"] == 2
    assert stateward("diff", "notes", "a", "0", "1").code == 2


def test_a_deletion_wants_a_yes(stateward: Command) -> None:
    stateward("put", "notes", "a", "1")

    assert stateward("delete", "notes", "a").code == 2
    assert stateward("delete", "notes", "a", "--yes").code == 0
    assert stateward("get", "notes", "a").code == 3


def test_a_person_is_asked(stateward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def answer(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal(text))

    answer("n\n")
    with pytest.raises(_common.typer.Abort):
        _common.confirm("Delete it?", yes=False)
    answer("y\n")
    _common.confirm("Delete it?", yes=False)
    answer("notes\n")
    _common.confirm_name("This deletes notes.", "notes", yes=False)
    answer("other\n")
    with pytest.raises(_common.typer.Abort):
        _common.confirm_name("This deletes notes.", "notes", yes=False)


def test_namespaces_from_making_to_deleting(stateward: Command, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    made = stateward(
        "namespace", "create", "desk", "--classification", "restricted",
        "--schema", str(tmp_path / "schema.json"), "--label", "a=b", "--default-ttl", "60",
    )  # fmt: skip
    shown = stateward("namespace", "show", "desk")
    changed = stateward("namespace", "update", "desk", "--no-schema", "--json")
    listed = stateward("namespace", "list")

    assert made.err == "✓ desk is created (restricted)\n"
    assert "restricted" in shown.out
    assert '{"type": "object"}' in shown.out
    assert "60 s" in shown.out
    assert changed.data["schema"] is None
    assert [line.split()[0] for line in listed.out.splitlines()] == ["NAME", "desk", "notes"]
    assert stateward("namespace", "delete", "desk").code == 2
    assert stateward("namespace", "delete", "desk", "--yes", "--force").code == 0


def test_policies_from_text_to_force(stateward: Command, tmp_path: Path) -> None:
    text = tmp_path / "night.cedar"
    text.write_text("forbid (principal, action, resource);")

    assert stateward("policy", "validate", str(text)).err == "✓ the text can be used\n"
    made = stateward("policy", "create", "night", str(text), "--activate")
    assert "not in force" in stateward("policy", "create", "day", str(text)).err
    stateward("policy", "update", "night", str(text), "--note", "again")
    shown = stateward("policy", "show", "night")
    activated = stateward("policy", "activate", "night")
    listed = stateward("policy", "list")

    assert made.err == "✓ night is kept, in force\n"
    assert "again" in shown.out
    assert "forbid (principal" in shown.out
    assert "at version 2" in activated.err
    assert "at version 1" in stateward("policy", "activate", "night", "1").err
    assert "in force" in listed.out
    assert stateward("policy", "deactivate", "night").code == 0
    assert stateward("policy", "list").out.count("not in force") == 2
    assert stateward("policy", "show", "unknown").code == 3
    assert (
        stateward("policy", "update", "night", "-", "--activate", stdin=text.read_text()).code == 0
    )


def test_a_wrong_policy_fails(stateward: Command, tmp_path: Path) -> None:
    text = tmp_path / "wrong.cedar"
    text.write_text("hello")

    refused = stateward("policy", "validate", str(text))

    assert refused.code == 1
    assert "line 1, column 1" in refused.err
    assert stateward("policy", "create", "x", str(text)).code == 1


def test_the_audit_is_searched(stateward: Command) -> None:
    stateward("--run", "r-1", "--purpose", "test", "put", "notes", "a", "1")

    found = stateward(
        "audit", "search", "--namespace", "notes", "--key", "a", "--since", "2026-01-01"
    )
    (record,) = stateward("audit", "search", "--action", "state.write", "--json").data

    assert "state.write" in found.out
    assert "notes/a" in found.out
    assert stateward("audit", "show", record["id"]).data == record
    assert stateward("audit", "search", "--since", "yesterday").code == 2


def test_a_read_may_follow_a_token(server: FakeServer, stateward: Command) -> None:
    stateward("put", "notes", "a", "1")
    stateward("--consistency", "session", "--follow", "fake-7", "get", "notes", "a")
    followed = server.requests[-1].headers
    stateward("get", "notes", "a")

    assert followed["stateward-consistency"] == "session"
    assert followed["stateward-consistency-token"] == "fake-7"
    assert "stateward-consistency" not in server.requests[-1].headers
    assert stateward("--consistency", "weak", "get", "notes", "a").code == 2


def test_refusals_say_what_helps(stateward: Command, server: FakeServer) -> None:
    stateward("put", "notes", "a", "1")
    stale = stateward("put", "notes", "a", "2", "--if-match", "7")
    server.forbid(method="PUT")
    denied = stateward("put", "notes", "a", "2")
    told = stateward("put", "notes", "a", "2", "--json")

    assert stale.code == 4
    assert "at version 1" in stale.err
    assert denied.code == 5
    assert denied.err.startswith("✗ The policy in force does not allow this.\n")
    assert "deny_forbid" in denied.err
    assert json.loads(told.err)["error"]["code"] == "forbidden"
    assert told.out == ""


@pytest.mark.parametrize(
    ("fault", "code"), [(503, 6), (429, 6), (401, 5), (410, 3), (423, 4), (400, 1), (500, 6)]
)
def test_exit_codes_are_those_documented(
    stateward: Command, server: FakeServer, fault: int, code: int
) -> None:
    server.fail(*[fault] * 5, retry_after=3600)

    assert stateward("get", "notes", "a").code == code


def test_no_answer_is_unavailable(stateward: Command, server: FakeServer) -> None:
    server.fail(*[httpx.ConnectError("refused")] * 5)

    said = stateward("get", "notes", "a", "--json")

    assert said.code == 6
    assert json.loads(said.err)["error"]["code"] == "ConnectionFailed"


@pytest.mark.parametrize(
    "arguments",
    [["get", "notes", "a/b"], ["nonsense"], ["get"], ["put", "notes", "a", "1", "--label", "x"],
     ["policy", "explain", "agent", "state.write", "namespace:notes"]],
)  # fmt: skip
def test_what_was_typed_wrong_is_usage(stateward: Command, arguments: list[str]) -> None:
    assert stateward(*arguments).code == 2


def test_nothing_configured_is_usage(
    stateward: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STATEWARD_API_KEY")
    monkeypatch.setenv("STATEWARD_HOME", str(tmp_path))

    said = stateward("get", "notes", "a")

    assert said.code == 2
    assert "STATEWARD_API_KEY" in said.err
    assert stateward("doctor").code == 2


def test_an_agent_of_the_quickstart_can_be_named(
    stateward: Command, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agents = [{"name": "other", "api_key": "x"}, {"name": "me", "api_key": server.api_key}]
    (tmp_path / "quickstart.json").write_text(json.dumps({"url": server.url, "agents": agents}))
    monkeypatch.setenv("STATEWARD_HOME", str(tmp_path))

    assert stateward("list", "notes", "--as", "me").code == 0
    assert stateward("--as", "other", "list", "notes").code == 5


def test_what_agents_stored_has_no_power_over_the_terminal(stateward: Command) -> None:
    stateward(
        "put",
        "notes",
        "a[red]b",
        '"\\u001b]0;owned\\u0007 \\u009b2J \\u202e"',
        "--note",
        "\x1b[31mred\x9b",
    )

    told = stateward("get", "notes", "a[red]b")
    listed = stateward("list", "notes", "--values")
    history = stateward("history", "notes", "a[red]b")

    for text in (told.out, told.err, listed.out, history.out):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert told.data == "\x1b]0;owned\x07 \x9b2J \u202e"
    assert "a[red]b" in listed.out


def test_long_lines_are_not_cut_where_there_is_no_terminal(stateward: Command) -> None:
    stateward("put", "notes", "k" * 300, "1")

    assert "k" * 300 in stateward("list", "notes").out


def test_a_terminal_gets_colours(stateward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = stateward("put", "notes", "a", '{"n": 1}').err
    value = stateward("get", "notes", "a").out
    table = stateward("list", "notes").out
    monkeypatch.setenv("NO_COLOR", "1")
    plain = stateward("put", "notes", "a", "1").err

    assert "\x1b[32m" in coloured
    assert "\x1b[" in value
    assert "\x1b[1mKEY" in table
    assert "\x1b[32m" not in plain


def test_the_end_of_a_pipe_is_no_error(stateward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return quiet.fileno()

    with Path("/dev/null").open("w") as quiet:
        monkeypatch.setattr(sys, "stdout", Closed())
        assert _app.run(["list", "notes", "--json"]) == 0


@pytest.mark.parametrize(
    ("count", "text"), [(None, "-"), (5, "5 B"), (1536, "1.5 KiB"), (3 * 2**20, "3.0 MiB")]
)
def test_sizes_are_written_for_people(count: int | None, text: str) -> None:
    assert _output.size(count) == text


def test_help_ends_well_and_fast_things_stay_unloaded() -> None:
    program = (
        "import sys; sys.argv = ['stateward', '--help']\n"
        "from agents_bridge.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'httpx', 'rich'} & set(sys.modules), 'slow'\n"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "Usage: stateward" in said.stdout
    assert "6 unavailable" in " ".join(said.stdout.split())


def test_no_summary_of_a_command_is_cut(stateward: Command) -> None:
    for group in ([], ["namespace"], ["policy"], ["audit"]):
        listing = stateward(*group, "--help").out.partition("Commands:")[2]

        assert len(listing.splitlines()) > 4
        assert "..." not in listing


def test_a_missing_part_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    for name in [each for each in sys.modules if each.startswith("agents_bridge.cli._")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(SystemExit, match=r"stateward\[cli\]"):
        main()


def test_another_missing_part_is_an_error_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.setitem(sys.modules, "agents_bridge.cli._app", None)

    with pytest.raises(ModuleNotFoundError):
        main()
