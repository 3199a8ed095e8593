"""What others may rely on in the adapters does not change by accident."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import agents_bridge.openai
import agents_bridge.smolagents

SURFACE = Path(__file__).with_name("adapters_surface.txt")
ADAPTERS: tuple[ModuleType, ...] = (agents_bridge.openai, agents_bridge.smolagents)


def described() -> str:
    """Every public name with its signature, one a line."""
    lines = []
    for adapter in ADAPTERS:
        for name in adapter.__all__:
            one = getattr(adapter, name)
            lines.append(f"{adapter.__name__}.{name}{_signature(one)}")
            if inspect.isclass(one) and not issubclass(one, Exception):
                lines += [
                    f"{adapter.__name__}.{name}.{method}{_signature(getattr(one, method))}"
                    for method in sorted(dir(one))
                    if not method.startswith("_") and inspect.isfunction(getattr(one, method))
                ]
    return "\n".join(lines) + "\n"


def _signature(thing: object) -> str:
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return ""
    signature = inspect.signature(thing)  # type: ignore[arg-type]
    return str(signature.replace(return_annotation=signature.empty))


def test_the_public_surface_is_the_one_on_file() -> None:
    """After a change that is meant: python -m tests.bridge.test_adapters_surface"""
    assert described() == SURFACE.read_text("utf-8")


def test_every_public_name_is_documented() -> None:
    bare = [name for one in ADAPTERS for name in one.__all__ if not getattr(one, name).__doc__]

    assert bare == []


if __name__ == "__main__":
    SURFACE.write_text(described(), "utf-8")
