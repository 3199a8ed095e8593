"""Runs of the platform's jobs; real broker, real sessions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
import redis
from django.conf import settings

from stateward.kernel.ids import uuid7
from stateward.operations.jobs.timetable import Slot
from tests.factories.jobs import queued
from tests.factories.sessions import Session


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The broker, empty."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


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


@pytest.fixture
def superuser() -> Iterator[Session]:
    """What it did and not committed is undone at the end of the test."""
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        yield session
        session.rollback()


@pytest.fixture
def slot(database: None) -> Slot:
    """A job of the test's own, due now, and not again while the test runs."""
    return Slot(f"probe_{uuid7().hex}", every=timedelta(days=3650))


@pytest.fixture
def run_id(database: None) -> UUID:
    """A queued run that stands in no timetable."""
    return queued()
