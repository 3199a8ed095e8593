"""Which alerts a route is told of, as properties: never twice in one pass, never too early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from governance.delivery.fitting import (
    SEVERITIES,
    Facts,
    Wanted,
    fits,
    is_due,
    is_quiet,
    messages,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

facts = st.builds(
    Facts,
    st.uuids(),
    st.sampled_from(["a", "b"]),
    st.sampled_from(SEVERITIES),
    st.sampled_from(["open", "acknowledged", "resolved"]),
    st.integers(0, 600).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    st.lists(st.sampled_from(["x", "x.y", "xy"]), max_size=2),
)
wanted = st.builds(
    Wanted,
    st.sampled_from(SEVERITIES),
    st.lists(st.sampled_from(["a", "b"]), max_size=1),
    st.lists(st.sampled_from(["x", "xy"]), max_size=1),
    st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)),
)


@given(wanted, st.lists(facts, max_size=30, unique_by=lambda one: one.id), st.integers(1, 10))
def test_each_alert_is_in_at_most_one_message(
    asked: Wanted, all_of: list[Facts], most: int
) -> None:
    due = [one for one in all_of if fits(asked, one) and is_due(asked, one, NOW)]

    made = messages(asked, due, NOW, most=most)

    ids = [one.id for part in made for one in part]
    assert len(ids) == len(set(ids))
    assert len(made) <= most + 1
    if not asked.digest:
        assert set(ids) == {one.id for one in due}


@given(wanted, facts)
def test_nothing_is_told_before_its_time_nor_what_is_closed(asked: Wanted, one: Facts) -> None:
    if is_due(asked, one, NOW):
        assert one.opened_at + asked.after <= NOW
        assert one.state != "resolved"
        assert not asked.after or one.state == "open"


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_a_quiet_stretch_and_the_rest_of_the_day_are_all_of_it(a: int, b: int, at: int) -> None:
    moment = datetime(2026, 11, 21, at // 60, at % 60, tzinfo=UTC)

    assert a == b or is_quiet((a, b), moment) != is_quiet((b, a), moment)


def test_a_namespace_is_named_with_all_beneath_it_and_no_neighbour() -> None:
    asked = Wanted("low", namespaces=["x"])

    def named(*names: str) -> bool:
        return fits(asked, Facts(uuid4(), "a", "low", "open", NOW, names))

    assert (named("x"), named("x.y"), named("xy"), named()) == (True, True, False, False)
