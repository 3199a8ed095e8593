"""The whole product, running."""

from __future__ import annotations

import pytest

from tests.e2e.shared_stack import SharedStack, shared_stack


@pytest.fixture(scope="session")
def running_stack() -> SharedStack:
    return shared_stack()
