"""What a first start shows: who is there, and agents at work."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from demo.management.commands.seed_demo import Command
from demo.play import message
from demo.seed import DEMO, NEIGHBOUR, POLICY_NAME, POLICY_TEXT
from demo.stories import BOOKINGS, CONVERSATIONS, CUSTOMERS, NAMESPACES, Turn, stories
from governance.policies.services import check_text
from stateward.gate.policy.models import Policy
from stateward.tenancy.models import Agent, Member, Person, Tenant
from stateward.tenancy.scope import tenant_scope


@pytest.fixture
def seeded(settings: Any, tmp_path: Path, database: None) -> Path:
    """By its class: the name "seed_demo" is known to an embedded stack alone."""
    settings.HOME = tmp_path
    call_command(Command(), verbosity=0)
    return tmp_path


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def test_quickstart_names_who_may_come_in(seeded: Path) -> None:
    quickstart = read(seeded / "quickstart.json")
    assert list(quickstart) == ["url", "tenant", "admin", "auditor", "agents"]
    for role in ("admin", "auditor"):
        person = Person.objects.get(email=quickstart[role]["username"])
        assert person.check_password(quickstart[role]["password"])
    for name in ("quickstart.json", "demo-agents.json"):
        assert stat.S_IMODE((seeded / name).stat().st_mode) == 0o600


def test_two_tenants_that_know_nothing_of_each_other(seeded: Path) -> None:
    demo, neighbour = (Tenant.objects.get(slug=slug) for slug in (DEMO, NEIGHBOUR))
    builder, reader, stranger = read(seeded / "quickstart.json")["agents"]
    with tenant_scope(demo.id):
        roles = {str(agent.id): agent.roles for agent in Agent.objects.all()}
        assert roles[builder["id"]] == ["builder"]
        assert roles[reader["id"]] == ["reader"]
        assert stranger["id"] not in roles
        assert sorted(member.roles for member in Member.objects.all()) == [["auditor"], ["owner"]]
        assert Policy.objects.get(name=POLICY_NAME).active_version == 1
    with tenant_scope(neighbour.id):
        assert [str(agent.id) for agent in Agent.objects.all()] == [stranger["id"]]


def test_seeding_again_keeps_who_is_there_and_gives_new_secrets(seeded: Path) -> None:
    before = read(seeded / "quickstart.json")
    call_command(Command(), verbosity=0)
    after = read(seeded / "quickstart.json")
    assert [a["id"] for a in after["agents"]] == [a["id"] for a in before["agents"]]
    assert after["admin"]["username"] == before["admin"]["username"]
    assert after["admin"]["password"] != before["admin"]["password"]
    assert after["agents"][0]["api_key"] != before["agents"][0]["api_key"]


def test_the_shipped_policy_is_valid() -> None:
    check_text(POLICY_TEXT)


def test_stories_are_the_same_for_the_same_seed() -> None:
    assert list(stories(10)) == list(stories(10))
    assert list(stories(10)) != list(stories(10, seed=8))


def test_stories_write_conversations_records_and_people() -> None:
    told = list(stories(40))
    effects = [effect for story in told for turn in story.turns for effect in turn.effects]
    assert {effect.namespace for effect in effects} == set(NAMESPACES) - {CONVERSATIONS}
    assert sum(len(story.turns) for story in told) + len(effects) > 400
    changed = [effect.key for effect in effects if effect.namespace == BOOKINGS]
    assert len(changed) > len(set(changed)), "bookings have more than one version"
    assert NAMESPACES[CUSTOMERS]["classification"] == "restricted"


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (Turn("user", "Hello"), {"role": "user", "content": "Hello"}),
        (
            Turn("assistant", "", "book", {"day": "2027-03-10"}),
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"name": "book", "arguments": {"day": "2027-03-10"}}],
            },
        ),
        (Turn("tool", "Done.", "book"), {"role": "tool", "content": "Done.", "name": "book"}),
    ],
)
def test_messages_have_the_shape_models_speak(turn: Turn, said: dict[str, Any]) -> None:
    assert message(turn) == said
