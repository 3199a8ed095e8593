"""How findings live on, and the other pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.compliance.checks.transport import judge
from governance.compliance.frameworks import (
    Control,
    all_frameworks,
    find_framework,
    planned_checks,
)
from governance.compliance.lifecycle import Standing, Step, is_lapsed, reconcile
from governance.compliance.registry import all_checks, check, find_check, rules_sha256
from governance.compliance.results import MAX_ITEMS, Answer, Item, Tally
from governance.compliance.thresholds import THRESHOLDS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)

STATUS = st.sampled_from(["open", "in_progress", "accepted", "resolved"])
STANDINGS = st.builds(
    lambda status, until: Standing(status, until if status == "accepted" else None),
    STATUS,
    st.sampled_from([EARLIER, NOW, LATER]),
)
IDS = st.sampled_from("abcdefgh")


def one(standing: Standing | None, *, seen: bool, is_conclusive: bool = True) -> Step | None:
    known = {"a": standing} if standing else {}
    steps = reconcile(known, ["a"] if seen else [], is_conclusive=is_conclusive, now=NOW)
    return steps[0] if steps else None


@pytest.mark.parametrize(
    ("standing", "seen", "expected"),
    [
        pytest.param(None, True, ("opened", "open"), id="new"),
        pytest.param(Standing("open"), True, (None, "open"), id="seen-again"),
        pytest.param(Standing("in_progress"), True, (None, "in_progress"), id="being-mended"),
        pytest.param(Standing("resolved"), True, ("regressed", "open"), id="came-back"),
        pytest.param(Standing("open"), False, ("resolved", "resolved"), id="gone"),
        pytest.param(Standing("accepted", LATER), True, (None, "accepted"), id="accepted"),
        pytest.param(
            Standing("accepted", NOW), True, ("exception_expired", "open"), id="its-day-is-over"
        ),
        pytest.param(
            Standing("accepted", LATER), False, ("resolved", "resolved"), id="accepted-and-gone"
        ),
        pytest.param(Standing("resolved"), False, None, id="stays-resolved"),
    ],
)
def test_a_finding_takes_the_step_that_fits(
    standing: Standing | None, seen: bool, expected: tuple[str | None, str] | None
) -> None:
    step = one(standing, seen=seen)

    assert (step and (step.event, step.status)) == expected


def test_what_could_not_be_looked_at_resolves_nothing_but_ends_exceptions() -> None:
    assert one(Standing("open"), seen=False, is_conclusive=False) is None
    step = one(Standing("accepted", EARLIER), seen=False, is_conclusive=False)
    assert step == Step("a", "exception_expired", "open")


@given(st.dictionaries(IDS, STANDINGS), st.lists(IDS), st.booleans())
def test_a_scan_leaves_what_it_saw_and_asking_again_changes_nothing(
    known: dict[str, Standing], seen: list[str], is_conclusive: bool
) -> None:
    steps = reconcile(known, seen, is_conclusive=is_conclusive, now=NOW)
    after = dict(known)
    for step in steps:
        until = known[step.item_id].accepted_until if step.status == "accepted" else None
        after[step.item_id] = Standing(step.status, until)

    assert len({step.item_id for step in steps}) == len(steps)
    unresolved = {item for item, standing in after.items() if standing.status != "resolved"}
    assert set(seen) <= unresolved
    if is_conclusive:
        assert unresolved == set(seen)
    assert not any(is_lapsed(standing, NOW) for standing in after.values())
    again = reconcile(after, seen, is_conclusive=is_conclusive, now=NOW)
    assert [step.event for step in again if step.event] == []


def test_an_answer_that_names_not_all_of_what_fails_is_not_conclusive() -> None:
    tally = Tally("thing,things")
    for number in range(MAX_ITEMS + 1):
        tally.add(Item("thing", str(number), "x", "y" * 5_000))
    answer = tally.answer("are well", "are not well", nothing="None.")

    assert (answer.failing, len(answer.items)) == (MAX_ITEMS + 1, MAX_ITEMS)
    assert not answer.is_conclusive
    assert len(answer.items[0].detail) == 2_000
    assert not Answer("error", "x").is_conclusive
    assert not Answer("insufficient_evidence", "x").is_conclusive


@pytest.mark.parametrize(
    ("population", "failing", "said"),
    [
        (1, 0, "1 agent is well."),
        (1200, 0, "1,200 agents are well."),
        (3, 1, "1 of 3 agents is not well."),
        (3, 2, "2 of 3 agents are not well."),
        (0, 0, "There is no agent."),
    ],
)
def test_answers_are_sentences(population: int, failing: int, said: str) -> None:
    tally = Tally("agent,agents", population=population)
    for number in range(failing):
        tally.fail(Item("agent", str(number), "x"))

    answer = tally.answer("are well", "are not well", nothing="There is no agent.")

    assert answer.said == said


@pytest.mark.parametrize(
    ("outcomes", "coverage"),
    [
        ({"C01": "pass", "C02": "pass"}, "proven"),
        ({"C01": "pass", "C02": "not_applicable"}, "proven"),
        ({"C01": "not_applicable", "C02": "not_applicable"}, "not_proven"),
        ({"C01": "pass"}, "partly"),
        ({"C01": "pass", "C02": "insufficient_evidence"}, "partly"),
        ({"C01": "pass", "C02": "error"}, "partly"),
        ({"C01": "pass", "C02": "fail"}, "failing"),
        ({}, "not_proven"),
    ],
)
def test_a_control_is_proven_only_by_all_of_its_checks(
    outcomes: dict[str, str], coverage: str
) -> None:
    assert Control("X", "x", ("C01", "C02")).coverage(outcomes) == coverage


def test_frameworks_name_known_checks_and_say_that_nobody_verified_them() -> None:
    known = {one.id for one in all_checks()} | set(planned_checks())
    ids = {framework.id for framework in all_frameworks()}

    assert ids == {"soc2", "gdpr", "hipaa", "eu-ai-act", "iso-42001", "nist-ai-rmf"}
    for framework in all_frameworks():
        assert framework.checks <= known, framework.id
        assert not framework.is_verified
        assert len({control.id for control in framework.controls}) == len(framework.controls)
    assert not set(planned_checks()) & {one.id for one in all_checks()}
    assert find_framework("soc1") is None


def test_every_check_bears_on_some_control() -> None:
    named = frozenset[str]().union(*(framework.checks for framework in all_frameworks()))

    assert {one.id for one in all_checks()} <= named


def test_thresholds_are_data_that_say_where_they_are_from() -> None:
    for name, threshold in THRESHOLDS.items():
        assert threshold.name == name
        assert threshold.source
        assert (threshold.verified_by is None) == (threshold.verified_on is None)


def test_the_rules_of_a_scan_have_one_name_until_they_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = rules_sha256()

    assert rules_sha256() == before
    monkeypatch.delitem(THRESHOLDS, "idle_days")
    assert rules_sha256() != before


def test_no_two_checks_share_an_id() -> None:
    assert find_check("C01") is not None
    assert find_check("C99") is None
    with pytest.raises(ValueError, match="C01"):
        check("C01", "x", proves="x", does_not_prove="x", severity="low", area="x")(Answer)  # type: ignore[arg-type]


SOUND = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "content-security-policy": "default-src 'none'; script-src 'self' 'nonce-x'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
COOKIE = "stateward_session=x; Secure; HttpOnly; SameSite=Lax; Path=/"


@pytest.mark.parametrize(
    ("base", "headers", "cookies", "failing"),
    [
        ("https://gate.example", {}, [COOKIE], set()),
        ("http://gate.example", {}, [COOKIE], {"tls"}),
        ("http://[::1]:8080", {"strict-transport-security": ""}, [], set()),
        ("http://localhost", {"strict-transport-security": ""}, ["csrf=x; SameSite=Lax"], set()),
        ("https://127.0.0.1", {"strict-transport-security": ""}, [], {"hsts"}),
        ("https://x.example", {"strict-transport-security": "max-age=60"}, [], {"hsts"}),
        ("https://x.example", {"strict-transport-security": "max-age=x"}, [], {"hsts"}),
        ("https://x.example", {"x-frame-options": "SAMEORIGIN"}, [], {"x-frame-options"}),
        ("https://x.example", {"content-security-policy": ""}, [], {"csp"}),
        ("https://x.example", {}, ["csrf=x; SameSite=Lax"], {"cookie csrf"}),
        ("https://x.example", {}, [COOKIE.replace("HttpOnly; ", "")], {"cookie stateward_session"}),
        ("https://x.example", {}, [COOKIE.replace("Lax", "None")], {"cookie stateward_session"}),
    ],
)  # fmt: skip
def test_what_the_sign_in_page_must_be_sent_with(
    base: str, headers: dict[str, Any], cookies: list[str], failing: set[str]
) -> None:
    answer = judge(base, SOUND | headers, cookies)

    assert {item.id for item in answer.items} == failing
    assert answer.outcome == ("fail" if failing else "pass")
