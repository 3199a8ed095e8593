"""Sessions beside Django's: races need two, and a first start needs an empty table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.factories.sessions import Session


@pytest.fixture
def superuser() -> Iterator[Session]:
    """Sees and changes everything; what it did is undone at the end of the test."""
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def new_session() -> Iterator[Callable[[], Session]]:
    """Makes sessions of the application's role, in autocommit."""
    opened: list[Session] = []

    def make() -> Session:
        session = psycopg.connect(os.environ["STATEWARD_DATABASE_URL"], autocommit=True)
        opened.append(session)
        return session

    yield make
    for session in opened:
        session.close()
