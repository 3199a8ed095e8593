"""Every example in the bridge's documentation runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import agents_bridge
from agents_bridge.testing import FakeServer

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(agents_bridge.__path__, "agents_bridge.")
    if ".cli" not in name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    )
    finder = doctest.DocTestFinder(exclude_empty=True)
    for test in finder.find(module, name):
        with FakeServer().client() as client:
            client.namespaces.create("notes")
            test.globs["client"] = client
            runner.run(test)

    assert runner.summarize(verbose=False).failed == 0
