"""Fixtures of the audit's tests."""

from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture
def seals() -> Path:
    """Where the sealer of this run remembers what it signed: one database, one memory."""
    return Path(settings.HOME) / "seals"
