"""docs/developers.md does what it says, line by line, against the running product."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from agents_bridge.cli import _app
from tests.e2e.shared_stack import SharedStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("shared_stack")]

GUIDE = (Path(__file__).parents[2] / "docs" / "developers.md").read_text("utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def beside_the_quickstart(
    running_stack: SharedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As someone would be who has just typed ``make up``."""
    for name in ("STATEWARD_URL", "STATEWARD_API_KEY", "STATEWARD_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".stateward").mkdir()
    agents = [
        {"name": "builder", "api_key": running_stack.builder},
        {"name": "reader", "api_key": running_stack.reader},
    ]
    quickstart = json.dumps({"url": running_stack.url, "agents": agents})
    (tmp_path / ".stateward" / "quickstart.json").write_text(quickstart)
    monkeypatch.chdir(tmp_path)


def test_the_commands_run(capsys: pytest.CaptureFixture[str]) -> None:
    _app.run(["namespace", "delete", "my.guide", "--force", "--yes"])
    for line in "".join(SHELL).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "stateward"
        assert _app.run(arguments) == 0, f"{line}\n{capsys.readouterr()}"

    said = capsys.readouterr().out
    assert '"text": "second"' in said
    assert "from the guide" in said


def test_the_programs_run() -> None:
    for block in PYTHON:  # in the guide's order: the first makes the namespace of the others
        exec(compile(block, "docs/developers.md", "exec"), {})


def test_every_command_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    _app.run(["--help"])
    listing = capsys.readouterr().out.partition("Commands:")[2]
    commands = {line.split()[0] for line in listing.splitlines() if line.startswith("  ")}
    real = {name for name in commands if name.islower() and name.isalpha()}

    missing = [name for name in real if f"`{name}" not in GUIDE]
    assert len(real) > 10
    assert missing == []
