"""A restricted person's entries: the same refusal by whatever way, but for the purpose named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.people.acts import system_call
from governance.privacy.services.answering import lift_restriction, restrict_subject
from stateward.gate.policy.exceptions import Denied
from stateward.kernel.errors import StatewardError
from stateward.state import gathering, queries
from stateward.state.configuration import forget_configurations
from stateward.state.services import entries
from tests.factories.privacy import Office
from tests.factories.state import CALL

MIA = "mia.li@example.com"
CLAIM = replace(CALL, purpose="legal-claims")


@pytest.fixture
def restricted(office: Office) -> Office:
    """``mia`` is restricted to legal claims; ``bob`` is not. Both are labelled alike."""
    office.declare()
    world = office.keeper.world
    world.put("mia", {"email": MIA, "n": 1})
    world.put("mia", {"email": MIA, "n": 2})
    world.put("bob", {"email": "bob@example.com"})
    request = office.ready("restriction")
    office.request = restrict_subject(office.keeper.owner, system_call(), request.id)  # type: ignore[attr-defined]
    forget_configurations()
    return office


def ways(office: Office, call: Any) -> dict[str, Any]:
    """What each way of reading shows of Mia, or the code of its refusal."""
    world = office.keeper.world
    actor, name = world.actor, world.namespace.name
    flows = {
        "entry": queries.get_entry(actor, call, name, "mia"),
        "version": queries.get_entry_at(actor, call, name, "mia", version=1),
        "batch": gathering.get_entries(
            actor, call, [gathering.Place(name, "mia"), gathering.Place(name, "bob")]
        ),
        "list": queries.list_entries(actor, call, name, with_values=True),
    }
    return {way: told(office, flow) for way, flow in flows.items()}


def told(office: Office, flow: Any) -> Any:
    try:
        found = office.keeper.world.run(flow)
    except StatewardError as error:
        return error.code
    items = found if isinstance(found, list) else getattr(found, "entries", None)
    return [one.key for one in items] if items is not None else found.value["n"]


def test_every_way_of_reading_refuses_alike(restricted: Office) -> None:
    found = ways(restricted, CALL)

    assert found == {
        "entry": "forbidden",
        "version": "forbidden",
        "batch": ["bob"],
        "list": ["bob"],
    }


def test_the_purpose_named_lets_one_read(restricted: Office) -> None:
    found = ways(restricted, CLAIM)

    assert found == {"entry": 2, "version": 1, "batch": ["mia", "bob"], "list": ["bob", "mia"]}


def test_nobody_changes_it_for_whatever_purpose(restricted: Office) -> None:
    world = restricted.keeper.world
    name = world.namespace.name
    changes = (
        entries.put_entry(world.actor, CLAIM, name, "mia", entries.Put({"n": 3})),
        entries.patch_entry(world.actor, CLAIM, name, "mia", entries.Patch({"n": 3}, True)),
        entries.delete_entry(world.actor, CLAIM, name, "mia"),
        entries.roll_back_entry(world.actor, CLAIM, name, "mia", 1),
    )

    for change in changes:
        with pytest.raises(Denied) as refused:
            world.run(change)
        assert refused.value.decision.code == "subject_restricted"  # type: ignore[attr-defined]
    world.put("bob", {"email": "bob@example.com", "n": 2})


def test_an_owner_is_not_above_it(restricted: Office) -> None:
    world = restricted.keeper.world

    with pytest.raises(Denied):
        world.run(queries.get_entry(restricted.keeper.owner, CALL, world.namespace.name, "mia"))


def test_once_lifted_it_is_as_before(restricted: Office) -> None:
    request = restricted.request  # type: ignore[attr-defined]
    lift_restriction(restricted.keeper.owner, system_call(), request.id, reason="It is settled.")
    forget_configurations()

    assert ways(restricted, CALL)["entry"] == 2
    restricted.keeper.world.put("mia", {"email": MIA, "n": 3})


def test_a_restriction_raises_the_epoch(office: Office) -> None:
    office.declare()
    office.keeper.world.put("mia", {"email": MIA})
    request = office.ready("restriction")
    sql = "SELECT epoch FROM stateward_epoch WHERE tenant_id = %s"
    before = office.keeper.rows(sql, office.keeper.tenant_id)[0][0]

    restrict_subject(office.keeper.owner, system_call(), request.id)

    assert office.keeper.rows(sql, office.keeper.tenant_id)[0][0] > before
