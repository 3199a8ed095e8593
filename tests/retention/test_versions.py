"""Which version counts, and which change waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.retention.terms import Terms
from governance.retention.versions import Written, loosens, standing
from tests.factories.retention import terms

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def said(number: int, days_ahead: int, what: Terms | None) -> Written:
    return Written(number, what, NOW + timedelta(days=days_ahead))


def test_the_newest_version_whose_time_has_come_counts() -> None:
    first, second = said(1, -9, terms(days=30)), said(2, 3, terms(days=10))

    assert standing([second, first], NOW) == (first, second)
    assert standing([second, first], NOW + timedelta(days=3)) == (second, None)


def test_a_later_word_ends_the_wait_of_an_earlier_one() -> None:
    versions = [said(1, -9, terms()), said(2, 3, terms(days=1)), said(3, 0, terms(days=60))]

    assert standing(versions, NOW).in_force == versions[2]
    assert standing(versions, NOW + timedelta(days=30)).in_force == versions[2]


def test_a_rule_is_over_once_its_end_is_in_force() -> None:
    versions = [said(1, -9, terms()), said(2, 3, None)]

    assert not standing(versions, NOW).is_over
    assert standing(versions, NOW + timedelta(days=4)).is_over


RETAIN = terms("retain", days=30)
CASES: list[tuple[str, Terms | None, Terms | None, bool]] = [
    ("a new rule that deletes", None, terms(), True),
    ("a new rule that retains", None, RETAIN, False),
    ("deleting sooner", terms(days=30), terms(days=29), True),
    ("deleting later", terms(days=30), terms(days=31), False),
    ("deleting elsewhere", terms(namespace="a"), terms(namespace="b", days=90), True),
    ("another clock", terms(clock="created"), terms(clock="modified"), True),
    ("forgetting more", terms(days=365), terms(days=365, erase_audit=True), True),
    ("retaining longer", RETAIN, terms("retain", days=31), False),
    ("retaining shorter", RETAIN, terms("retain", days=29), True),
    ("retaining less", RETAIN, terms("retain", days=31, key_pattern="a*"), True),
    ("no longer retaining", RETAIN, None, True),
    ("no longer deleting", terms(), None, False),
]


@pytest.mark.parametrize(("old", "new", "waits"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_what_could_delete_sooner_waits(old: Terms | None, new: Terms | None, waits: bool) -> None:
    assert loosens(old, new, []) is waits


@pytest.mark.parametrize(
    ("other", "waits"),
    [({}, True), ({"namespace": "air.book.old"}, True), ({"namespace": "pay"}, False),
     ({"classification": "restricted"}, False), ({"kind": "retain"}, False)],
)  # fmt: skip
def test_the_end_of_a_rule_waits_where_a_wider_one_would_count(
    other: dict[str, Any], waits: bool
) -> None:
    ours = terms(namespace="air.book", classification="internal", days=365)

    assert loosens(ours, None, [terms(**other)]) is waits
