"""What console and worker counted in memory reaches the tables."""

from __future__ import annotations

import time

import pytest
from django.core.signals import request_finished
from django.db import connection

from stateward.operations import flushing
from stateward.tenancy.scope import tenant_scope
from stateward.web.metrics import METRICS
from tests.factories.state import World, make_world


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def sealed_messages(world: World) -> int:
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT messages FROM stateward_data_key WHERE purpose = 'value'")
        (messages,) = cursor.fetchone()
    return int(messages)


def test_what_a_process_counted_is_written_down(world: World) -> None:
    world.put("k", 1)
    METRICS.note(world.tenant.id, "writes", 0.001)

    flushing.flush_process(is_last=True)

    assert sealed_messages(world) >= 1
    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT series, count FROM stateward_metric_minute")
        assert cursor.fetchall() == [("writes", 1)]


def test_one_kind_that_fails_does_not_keep_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**options: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(flushing.audit, "flush", broken)
    world.put("k", 1)

    flushing.flush_process()

    assert [record.message for record in caplog.records] == ["flushing.failed"]
    assert sealed_messages(world) >= 1


def test_the_console_flushes_after_a_request_when_it_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushing.flush_after_requests()
    try:
        world.put("k", 1)
        monkeypatch.setattr(flushing, "_last", time.monotonic())
        request_finished.send(sender=None)
        too_soon = sealed_messages(world)
        monkeypatch.setattr(flushing, "_last", time.monotonic() - flushing.EVERY_SECONDS)
        request_finished.send(sender=None)
    finally:
        request_finished.disconnect(flushing._flush_when_due)

    assert too_soon == 0
    assert sealed_messages(world) >= 1
