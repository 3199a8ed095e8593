"""Which tests one worker runs one after the other: a plugin (``-p tests.groups``).

A file's tests stay together, so that what a module sets up is set up once; tests that need the
running product go to one worker, whatever file they are in, and so do those that name a group
(``xdist_group``). What takes longest comes first, so that the workers end together.

pytest-xdist has groups of its own (``--dist loadgroup``), by way of a test's id, which pytest 9.2
no longer lets it change: 3.8 distributes such tests as if they had none. Here the workers write the
groups down, and the controller's scheduler reads them.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.servers import temporary_folder

PLACE = "STATEWARD_TEST_GROUPS"  # the environment variable that names the folder


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark, sort, and write down for the controller."""
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.faults)
        if "running_stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.stack)
    groups = {item.nodeid: _group(item) for item in items}
    many = Counter(groups.values())
    ranks: dict[str, int] = {}
    for item in items:
        group = groups[item.nodeid]
        ranks[group] = min(_rank(item), ranks.get(group, 9))
    # Stable: within a group the order is whatever it was shuffled to.
    items.sort(key=lambda item: _order(groups[item.nodeid], ranks, many))
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        (Path(os.environ[PLACE]) / worker).write_text(json.dumps(groups))


def _order(group: str, ranks: dict[str, int], many: Counter[str]) -> tuple[int, int, str]:
    return ranks[group], -many[group], group


def _group(item: pytest.Item) -> str:
    named = item.get_closest_marker("xdist_group")
    if named is not None:
        return str(named.args[0])
    if "running_stack" in getattr(item, "fixturenames", ()):
        return "shared_stack"
    return item.nodeid.partition("::")[0]


def _rank(item: pytest.Item) -> int:
    """0 for what starts whole products, 1 for the browser's, 2 for all else."""
    if item.get_closest_marker("stack") is not None:
        return 0
    return 1 if item.get_closest_marker("browser") is not None else 2


class GroupScheduling(LoadScopeScheduling):
    """A group is a unit of work, in the order of the workers' list."""

    _groups: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._groups is None:
            (first, *_) = sorted(Path(os.environ[PLACE]).iterdir())
            self._groups = json.loads(first.read_text())
        return self._groups[nodeid]


def pytest_configure() -> None:
    """In the controller, before it starts workers: they inherit its environment."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ[PLACE] = str(temporary_folder("stateward-groups-"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)
