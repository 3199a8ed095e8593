"""The commands for what several do: proposals and branches."""

from __future__ import annotations

import json

import pytest

from tests.bridge.test_cli import Command, stateward

__all__ = ["stateward"]  # a fixture


@pytest.fixture
def proposed(stateward: Command) -> str:
    made = stateward(
        "proposal", "make", "notes", "budget", "12", "--voter", "tester", "--voter", "ann",
        "--quorum", "1", "--note", "as agreed", "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    return str(made.data["id"])


def test_a_proposal_is_shown_until_it_is_decided(stateward: Command, proposed: str) -> None:
    listed = stateward("proposal", "list", "notes")
    shown = stateward("proposal", "show", "notes", proposed)

    assert "0 of 1" in listed.out
    assert proposed in listed.out
    assert shown.out.endswith("12\n")
    assert "ann" in shown.out
    assert "has not voted" in shown.out


def test_the_deciding_vote_writes_the_value(stateward: Command, proposed: str) -> None:
    voted = stateward("proposal", "vote", "notes", proposed, "accept")
    late = stateward("proposal", "vote", "notes", proposed, "reject")

    assert voted.err == "✓ the proposal is committed, budget is at version 1\n"
    assert stateward("get", "notes", "budget").data == 12
    assert "as agreed" in stateward("history", "notes", "budget").out
    assert late.code == 4
    assert stateward("proposal", "list", "notes", "--state", "open", "--json").data == []


def test_one_s_own_proposal_is_withdrawn(stateward: Command, proposed: str) -> None:
    assert stateward("proposal", "withdraw", "notes", proposed).code == 0

    (listed,) = stateward("proposal", "list", "notes", "--json").data
    assert listed["state"] == "withdrawn"
    assert stateward("proposal", "show", "notes", "nothing").code == 3


def test_a_vote_is_one_of_two_words(stateward: Command, proposed: str) -> None:
    assert stateward("proposal", "vote", "notes", proposed, "maybe").code == 2


@pytest.fixture
def branched(stateward: Command) -> str:
    for key in ("same", "changed", "clash"):
        stateward("put", "notes", key, '{"n": 1}')
    made = stateward("branch", "make", "notes", "notes.try")
    assert made.err.startswith("✓ notes.try began as notes was at ")
    stateward("put", "notes.try", "changed", '{"n": 2}')
    return "notes.try"


def test_a_branch_is_listed_and_merged_back(stateward: Command, branched: str) -> None:
    listed = stateward("branch", "list", "notes")
    shown = stateward("branch", "show", branched, "--json").data
    would = stateward("branch", "merge", branched, "--dry-run", "--json").data
    before = stateward("get", "notes", "changed").data
    merged = stateward("branch", "merge", branched, "--yes")

    assert branched in listed.out
    assert shown["parent"] == "notes"
    assert [one["key"] for one in would["items"]] == ["changed"]
    assert before == {"n": 1}
    assert "changed" in merged.out
    assert stateward("get", "notes", "changed").data == {"n": 2}
    assert "nothing found" in stateward("branch", "merge", branched, "--yes").err


def test_nothing_is_merged_where_both_changed_a_place(stateward: Command, branched: str) -> None:
    stateward("put", branched, "clash", '{"n": 2}')
    stateward("put", "notes", "clash", '{"n": 3}')

    clashed = stateward("branch", "merge", branched, "--yes")
    untouched = stateward("get", "notes", "changed").data
    preferred = stateward("branch", "merge", branched, "--prefer", "branch", "--yes")

    assert clashed.code == 4
    assert "/n" in clashed.out
    assert untouched == {"n": 1}
    assert preferred.code == 0
    assert stateward("get", "notes", "clash").data == {"n": 2}
    assert stateward("branch", "merge", branched, "--prefer", "both").code == 2


def test_a_merge_asks_first(stateward: Command, branched: str) -> None:
    asked = stateward("branch", "merge", branched)

    assert asked.code == 2
    assert "Change 1 entries of notes?" in asked.err
    assert json.loads(stateward("get", "notes", "changed").out) == {"n": 1}
