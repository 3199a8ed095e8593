"""A tenant with rules that act at once, unless a test is about the grace."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.factories.retention import Keeper, make_keeper


@pytest.fixture
def no_grace(settings: Any) -> None:
    settings.RETENTION_GRACE_HOURS = 0


@pytest.fixture
def keeper(database: None, no_grace: None) -> Keeper:
    return make_keeper()


@pytest.fixture
def superuser() -> str:
    return os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
