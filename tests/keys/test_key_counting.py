from __future__ import annotations

from uuid import UUID

from stateward.gate.keys.counting import LIMIT, ROTATE_AT, Messages

TENANT, KEY = UUID(int=1), UUID(int=2)


def test_what_was_drained_is_not_drained_again() -> None:
    messages = Messages()
    counter = messages.counter(TENANT, KEY, 1)
    messages.counter(TENANT, KEY, 2)
    counter.counted += 3

    first, second = messages.drain(), messages.drain()

    assert [(count.counter, count.messages) for count in first] == [(counter, 3)]
    assert second == []


def test_what_was_put_back_is_drained_again() -> None:
    messages = Messages()
    counter = messages.counter(TENANT, KEY, 1)
    counter.counted += 3
    messages.put_back(messages.drain())
    counter.counted += 1

    assert [count.messages for count in messages.drain()] == [4]


def test_a_key_version_has_one_counter() -> None:
    messages = Messages()

    assert messages.counter(TENANT, KEY, 1) is messages.counter(TENANT, KEY, 1)
    assert messages.counter(TENANT, KEY, 1) is not messages.counter(TENANT, KEY, 2)


def test_the_ceiling_allows_for_what_others_sealed_and_what_was_added_already() -> None:
    counter = Messages().counter(TENANT, KEY, 1)
    counter.counted = counter.added = 10

    counter.know(messages=110)  # 10 of them ours, 100 other processes'

    assert counter.ceiling - counter.counted == LIMIT - 110


def test_rotation_is_due_long_before_the_limit() -> None:
    assert LIMIT == 4 * ROTATE_AT == 2**32
