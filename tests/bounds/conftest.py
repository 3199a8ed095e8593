from __future__ import annotations

import os

import pytest

from stateward.state.usage import USAGE
from tests.factories.retention import Keeper, make_keeper


@pytest.fixture
def keeper(database: None) -> Keeper:
    USAGE.forget()
    return make_keeper()


@pytest.fixture
def superuser() -> str:
    return os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
