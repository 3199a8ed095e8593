"""Terms that are not taken, whoever sends them; and rules said in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from dashboards.retention.words import about, becomes, days, kept_by, retained_until, says
from governance.retention.fitness import check_terms
from governance.retention.resolution import UNRULED, Verdict
from governance.retention.terms import NEVER, Rule, Scope
from stateward.kernel.errors import Unprocessable
from stateward.state.models import Hold
from tests.factories.retention import terms

BAD = [
    ("kind", {"kind": "archive"}),
    ("clock", {"clock": "read"}),
    ("clock", {"clock": "born"}),
    ("days", {"days": -1}),
    ("days", {"days": 36_501}),
    ("namespace", {"namespace": "No"}),
    ("key_pattern", {"key_pattern": "a/b"}),
    ("classification", {"classification": "secret"}),
    ("label", {"label": "=x"}),
    ("label", {"label": "n=" + "x" * 256}),
    ("erase_audit", {"kind": "retain", "days": 365, "erase_audit": True}),
    ("erase_audit", {"days": 182, "erase_audit": True}),
]


@pytest.mark.parametrize(("member", "said"), BAD, ids=[f"{m}-{n}" for n, (m, _) in enumerate(BAD)])
def test_what_does_not_fit_is_refused_by_the_service(member: str, said: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable) as refused:
        check_terms(terms(**said))

    assert [fault.pointer for fault in refused.value.errors] == [f"/{member}"]


def test_what_fits_is_taken() -> None:
    check_terms(terms(namespace="a.b", key_pattern="x*", classification="public", label="a=b"))
    check_terms(terms(days=183, erase_audit=True))


@pytest.mark.parametrize(
    ("count", "word"),
    [(0, "0 days"), (1, "1 day"), (30, "30 days"), (365, "1 year"), (3650, "10 years")],
)
def test_times_read_as_people_say_them(count: int, word: str) -> None:
    assert days(count) == word


def test_a_rule_reads_as_a_sentence() -> None:
    assert says(terms(days=30)) == "Delete 30 days after it was created"
    assert says(terms(days=0, clock="ended")) == "Delete as soon as it was deleted or expired"
    assert says(terms("retain", days=730)) == "Keep until 2 years after it was created"
    assert about(Scope()) == "everything in every namespace"
    assert about(Scope("a", "k*", "restricted", "case=7")) == (
        "keys k* and entries labelled case=7 and what is restricted in a and beneath"
    )


def test_a_hold_reads_as_a_sentence() -> None:
    assert kept_by(Hold()) == "everything in every namespace"
    hold = Hold(namespace="a", key_pattern="k*", custodian_id=UUID(int=1), custodian_name="booker")
    assert kept_by(hold) == "keys k*, of what booker wrote in a and beneath"


def test_what_becomes_of_a_key_is_said() -> None:
    rule = Rule(UUID(int=1), "month", 1, terms())
    keeper = Rule(UUID(int=2), "tax", 1, terms("retain"))
    now = datetime(2026, 11, 21, tzinfo=UTC)

    assert becomes(UNRULED) == "No rule is about it: it is kept."
    assert becomes(Verdict("due", delete_at=now, delete_by=rule)) == (
        "month deletes it with the next sweep."
    )
    assert becomes(Verdict("kept", delete_by=rule)) == "month deletes it some time after it ends."
    assert becomes(Verdict("kept", NEVER, keeper)) == "tax keeps it, and no rule deletes it."
    assert "tax keeps it" in becomes(Verdict("retained", now, keeper, now, rule))
    assert retained_until(Verdict("kept", NEVER, keeper)) is None
    assert retained_until(Verdict("kept", now, keeper)) == now
