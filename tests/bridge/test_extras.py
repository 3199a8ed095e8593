"""An adapter without its framework says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
import agents_bridge
try:
    import agents_bridge.{adapter}
except ImportError as error:
    print(error)
print([name for name in sys.modules if name.partition(".")[0] in ("django", "stateward")])
"""


def said_without(adapter: str, *missing: str) -> list[str]:
    program = PROGRAM.format(adapter=adapter, missing=missing)
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return said.stdout.splitlines()


@pytest.mark.parametrize(
    ("adapter", "missing", "named"),
    [
        ("openai", ("openai", "agents"), "openai and agents"),
        ("openai", ("agents",), "agents"),
        ("smolagents", ("smolagents",), "smolagents"),
    ],
    ids=["openai", "agents-sdk", "smolagents"],
)
def test_the_extra_is_named(adapter: str, missing: tuple[str, ...], named: str) -> None:
    sentence, loaded = said_without(adapter, *missing)

    assert sentence == (
        f"agents_bridge.{adapter} needs {named}: pip install 'stateward[{adapter}]'"
    )
    assert loaded == "[]"


@pytest.mark.parametrize("adapter", ["openai", "smolagents"])
def test_an_adapter_brings_nothing_of_the_server(adapter: str) -> None:
    assert said_without(adapter)[-1] == "[]"
