"""The codes of refusals are stable: each is documented, with the sentence a caller reads."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import governance
import stateward
from stateward.kernel.errors import StatewardError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def every_error(kind: type[StatewardError] = StatewardError) -> Iterator[type[StatewardError]]:
    for child in kind.__subclasses__():
        yield child
        yield from every_error(child)


def load_all_errors() -> None:
    for package in (stateward, governance):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rsplit(".", 1)[-1] in {"exceptions", "errors", "travel", "forward"}:
                importlib.import_module(module.name)


def test_every_code_is_documented_with_its_status() -> None:
    load_all_errors()
    page = PAGE.read_text(encoding="utf-8")

    missing = [
        f"| {kind.status} | `{kind.code}` | {kind.sentence()} |"
        for kind in every_error()
        if kind.__module__.startswith(("stateward.", "governance."))
        and f"| {kind.status} | `{kind.code}` |" not in page
    ]

    assert sorted(set(missing)) == []


def test_every_error_has_a_sentence() -> None:
    load_all_errors()

    assert [kind for kind in every_error() if not kind.sentence().endswith(".")] == []
