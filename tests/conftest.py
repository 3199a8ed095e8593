"""The people and things every test knows."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is dear to start is started by one worker only: tests of the running product go to one,
    and each file of the browser's to one.
    """
    for item in items:
        used = getattr(item, "fixturenames", ())
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.faults)
        if item.get_closest_marker("xdist_group") is not None:
            continue
        if "running_stack" in used:
            item.add_marker(pytest.mark.stack)
            item.add_marker(pytest.mark.xdist_group("shared_stack"))
        elif "chrome" in used:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: object) -> None:
    """The worker's database exists already (tests/servers.py); tests commit to it."""


@pytest.fixture
def database(django_db_blocker: Any, django_db_setup: None) -> Generator[None, None, None]:
    """Django's connection, committing for real."""
    with django_db_blocker.unblock():
        yield
