"""Each check, asked of a tenant that passes it and after each thing that breaks it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from governance.compliance.registry import all_checks, find_check
from governance.compliance.scanning import ask
from tests.compliance import (
    cases_classification,
    cases_copies,
    cases_people,
    cases_privacy,
    cases_state,
)
from tests.compliance.case_book import CASES
from tests.factories.api import new_tenant

pytestmark = pytest.mark.usefixtures("database")

assert cases_classification
assert cases_copies
assert cases_people
assert cases_privacy
assert cases_state


def test_every_check_has_a_case_and_every_case_a_check() -> None:
    assert {check.id for check in all_checks()} == set(CASES)


@pytest.mark.parametrize("check_id", sorted(CASES))
def test_the_check_tells_what_is_sound_from_what_is_not(check_id: str) -> None:
    check, tenant = find_check(check_id), new_tenant()
    assert check is not None
    seen = []

    for number, expected in enumerate(CASES[check_id](tenant)):
        answer, _ = ask(check, tenant)
        step = (number, answer.said, [item.as_json() for item in answer.items])
        assert answer.outcome == expected.outcome, step
        assert len(answer.items) <= answer.failing
        for part in expected.items:
            assert any(part in item.id for item in answer.items), step
        if expected.outcome == "pass":
            assert (answer.failing, answer.items) == (0, ())
            assert answer.population
        seen.append(expected.outcome)

    assert ("pass", "fail") in set(pairwise(seen)), "nothing flips it"


def test_every_check_says_what_it_does_not_prove() -> None:
    for check in all_checks():
        assert min(len(check.does_not_prove), len(check.proves)) > 20, check.id
        assert check.does_not_prove != check.proves
