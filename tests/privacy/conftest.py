"""A tenant in whose entries persons are named; rules act at once, unless a test is about that."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.factories.privacy import Office, make_office


@pytest.fixture
def office(database: None, settings: Any) -> Office:
    settings.RETENTION_GRACE_HOURS = 0
    return make_office()


@pytest.fixture
def superuser() -> str:
    return os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
