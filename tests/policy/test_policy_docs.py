"""The page for those who write policies shows only what works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stateward.gate.policy.caps import MAX_BYTES, MAX_NESTING, MAX_NODES, MAX_SET
from stateward.gate.policy.validate import validate
from stateward.gate.policy.vocabulary import ACTIONS, GROUPS
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"```cedar\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_valid(text: str) -> None:
    assert validate(text) == ()


@pytest.mark.parametrize("word", [*ACTIONS, *sorted(GROUPS), *MEMBER_ROLES, *AGENT_ROLES])
def test_every_action_group_and_role_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_limits_are_those_in_force() -> None:
    limits = f"{MAX_BYTES // 1024} KiB, {MAX_NODES} nodes and {MAX_NESTING} levels"

    assert limits in PAGE
    assert f"{MAX_SET:,} statements" in PAGE
