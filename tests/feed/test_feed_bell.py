"""The bell by itself. In a file of its own: a numbering of other tests beside it hears no ring,
because one alone has the sequencer's place, and would not look by itself either.
"""

from __future__ import annotations

import time

import pytest

from stateward.feed import tail
from stateward.gate.sequence import numbering
from tests.factories.state import World
from tests.feed.feeding import Feed, Numbering

RARELY = 16.0  # seconds between two looks


def test_a_write_rings_and_nobody_looks_in_vain(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody looking by itself, what arrives has come by the bell."""
    monkeypatch.setattr(tail, "LOOK_SECONDS", RARELY)
    monkeypatch.setattr(numbering, "LOOK_SECONDS", RARELY)
    running, feed = Numbering(), Feed()
    took = []
    try:
        assert feed.put(key, world.namespace.name, "a", 0) == 201
        with feed.stream(key, after="now") as stream:
            for number in range(20):
                assert feed.put(key, world.namespace.name, "a", number) == 200
                began = time.monotonic()
                assert stream.change()["version"] == number + 2
                took.append(time.monotonic() - began)
    finally:
        running.end()
        feed.close()

    assert max(took) < RARELY / 2  # half of what it would be by looking
