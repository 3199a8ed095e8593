"""What others may rely on does not change by accident."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import agents_bridge
from agents_bridge import testing

SURFACE = Path(__file__).with_name("surface.txt")
CLIENTS = (agents_bridge.Client, agents_bridge.AsyncClient)


def described() -> str:
    """Every public name with its signature, one a line."""
    lines = [f"{name}" for name in agents_bridge.__all__]
    lines += [f"testing.{name}" for name in testing.__all__]
    for client in CLIENTS:
        lines += [f"{client.__name__}.{each}" for each in _methods(client)]
        with_groups = client("http://x.test", "sw_k")
        for name, group in sorted(vars(with_groups).items()):
            if not name.startswith("_") and name != "session":
                prefix = f"{client.__name__}.{name}"
                lines += [f"{prefix}.{each}" for each in _methods(type(group))]
    lines += [f"FakeServer.{each}" for each in _methods(testing.FakeServer)]
    return "\n".join(lines) + "\n"


def _methods(kind: type) -> list[str]:
    public = [name for name in sorted(vars(kind)) if not name.startswith("_")]
    return [
        f"{name}{_signature(getattr(kind, name))}"
        for name in ["__init__", *public]
        if callable(getattr(kind, name)) and (name != "__init__" or "__init__" in vars(kind))
    ]


def _signature(function: object) -> str:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    parameters = list(signature.parameters.values())[1:]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


@pytest.mark.filterwarnings("ignore:unclosed")
def test_the_public_surface_is_the_one_on_file() -> None:
    """After a change that is meant: python tests/bridge/test_bridge_surface.py"""
    assert described() == SURFACE.read_text("utf-8")


def test_both_clients_have_the_same_calls() -> None:
    blocking, awaiting = (
        {line.partition(".")[2] for line in described().splitlines() if line.startswith(f"{name}.")}
        for name in ("Client", "AsyncClient")
    )

    differing = {line.partition("(")[0] for line in blocking ^ awaiting}
    assert differing == {"__init__"}  # the transports differ in kind


def test_every_public_name_is_documented() -> None:
    bare = [name for name in agents_bridge.__all__ if not getattr(agents_bridge, name).__doc__]

    assert bare == []


def test_the_package_knows_its_names() -> None:
    assert dir(agents_bridge) == sorted(agents_bridge.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        agents_bridge.nonsense  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    program = (
        "import sys, agents_bridge;"
        "print([n for n in ('httpx', 'typer', 'rich', 'django') if n in sys.modules])"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"


def test_the_core_knows_no_http_library() -> None:
    program = (
        "import sys, agents_bridge._groups, agents_bridge._session;"
        "print([n for n in ('httpx','asyncio','django','stateward') if n in sys.modules])"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"


if __name__ == "__main__":
    SURFACE.write_text(described(), "utf-8")
