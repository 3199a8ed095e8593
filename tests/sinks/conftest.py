"""Fixtures of the sinks' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.sink_world import Collector, Receiver, Sinks


@pytest.fixture
def sinks(database: None, settings: Any, tmp_path: Path) -> Sinks:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.SINK_FOLDER = str(tmp_path)
    return Sinks()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()
