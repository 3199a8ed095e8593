"""docs/frameworks.md does what it says, against the running product."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.shared_stack import shared_stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("shared_stack"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

GUIDE = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text("utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
SAID = {
    "StateTools": r"'call_id': 'call_1'.*\"ok\": true",
    "StatewardSession": r"As I said\. 4",
    "StepRecorder": r"42\n42\n3\n",
}


@pytest.mark.parametrize("about", [*SAID])
def test_an_example_runs(
    about: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = shared_stack()
    for name in ("STATEWARD_URL", "STATEWARD_API_KEY", "STATEWARD_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".stateward").mkdir()
    quickstart = {"url": stack.url, "agents": [{"name": "builder", "api_key": stack.builder}]}
    (tmp_path / ".stateward" / "quickstart.json").write_text(json.dumps(quickstart))
    monkeypatch.chdir(tmp_path)
    (block,) = [each for each in PYTHON if about in each]

    exec(compile(block, "docs/frameworks.md", "exec"), {"__name__": "__main__"})

    assert re.search(SAID[about], capsys.readouterr().out)


def test_every_example_is_tried() -> None:
    assert len(PYTHON) == len(SAID)
