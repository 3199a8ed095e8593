"""Leases and proposals in a backup: tokens go on where they were, what is open stays open."""

from __future__ import annotations

from pathlib import Path

import pytest

from stateward.kernel.errors import PreconditionFailed
from stateward.state.services.entries import Conditions, Put, put_entry
from stateward.state.services.leases import Granted, acquire_lease, release_lease
from stateward.state.services.proposals import Wish, find_proposal, list_proposals, propose, vote_on
from tests.backups.backup_world import back_up, filled_world, restored
from tests.backups.test_backups_round_trip import same_world
from tests.factories.state import CALL

pytestmark = pytest.mark.usefixtures("database")


def test_tokens_do_not_go_back_and_a_vote_decides_in_the_restored_tenant(tmp_path: Path) -> None:
    world = filled_world()
    before = world.run(acquire_lease(world.actor, CALL, world.namespace.name, "case-0", 60))
    assert isinstance(before, Granted)
    wish = Wish("case-3", "agreed", 1, (str(world.agent.id),))
    world.run(propose(world.actor, CALL, world.namespace.name, wish))
    made = back_up(world.tenant.id, tmp_path)
    world.run(release_lease(world.actor, CALL, world.namespace.name, before.lease.id))
    after = world.run(acquire_lease(world.actor, CALL, world.namespace.name, "case-0", 60))
    assert isinstance(after, Granted)

    copy = same_world(world, restored(made).slug)
    name = copy.namespace.name
    late = Conditions(fencing_token=after.lease.fencing_token)
    with pytest.raises(PreconditionFailed):
        copy.run(put_entry(copy.actor, CALL, name, "case-0", Put("late"), conditions=late))
    never_leased = copy.run(acquire_lease(copy.actor, CALL, name, "case-4", 60))
    assert isinstance(never_leased, Granted)
    assert never_leased.lease.fencing_token > after.lease.fencing_token

    (listed,) = copy.run(list_proposals(copy.actor, CALL, name)).items
    assert copy.run(find_proposal(copy.actor, CALL, name, listed.id)).data == b'"agreed"'
    done = copy.run(vote_on(copy.actor, CALL, name, listed.id, "accept"))
    assert done.proposal.state == "committed"
    assert copy.get("case-3").value == "agreed"
