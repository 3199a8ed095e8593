"""The people and things every test knows."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How slowly a machine draws examples says nothing about us.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: object) -> None:
    """The worker's database exists already (tests/servers.py); tests commit to it."""


@pytest.fixture
def database(django_db_blocker: Any, django_db_setup: None) -> Generator[None, None, None]:
    """Django's connection, committing for real."""
    with django_db_blocker.unblock():
        yield
