"""Checkpoints and branches come back, and mean what they meant, though transaction ids do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from stateward.state.cuts import cut_now
from stateward.state.services.branches import make_branch, merge_branch
from stateward.state.services.checkpoints import list_checkpoints, make_checkpoint
from stateward.state.services.restoring import restore_cut
from stateward.tenancy.scope import tenant_scope
from tests.backups.backup_world import back_up, restored
from tests.backups.test_backups_round_trip import same_world
from tests.factories.state import CALL, make_world
from tests.state.test_cuts import state_at

pytestmark = pytest.mark.usefixtures("database")


def test_a_checkpoint_and_a_branch_are_restored_with_their_cuts(tmp_path: Path) -> None:
    world = make_world()
    name, twig = world.namespace.name, f"twig.n{uuid4().hex}"
    world.put("a", "then")
    world.put("later", 0)
    world.delete("later")
    with tenant_scope(world.tenant.id):
        make_checkpoint(world.actor, CALL, name, "then")
    world.put("a", "after")
    world.put("later", 1)
    with tenant_scope(world.tenant.id):
        make_branch(world.actor, CALL, name, twig)
    world.put("a", "branched", name=twig)

    copy = same_world(world, restored(back_up(world.tenant.id, tmp_path)).slug)
    copy.put("a", "here")
    copy.put("new", "here")

    with tenant_scope(copy.tenant.id):
        (checkpoint,), _ = list_checkpoints(copy.actor, CALL, name)
    assert state_at(copy, checkpoint.cut) == {"a": "then"}
    assert state_at(copy, copy.run(cut_now())) == {"a": "here", "later": 1, "new": "here"}
    with tenant_scope(copy.tenant.id):
        seen = merge_branch(copy.actor, CALL, twig, dry_run=True)
        restore_cut(copy.actor, CALL, name, checkpoint.cut)
    assert [clash.key for clash in seen.conflicts] == ["a"]
    assert state_at(copy, copy.run(cut_now())) == {"a": "then"}

    again = same_world(copy, restored(back_up(copy.tenant.id, tmp_path, "again")).slug)
    with tenant_scope(again.tenant.id):
        (checkpoint,), _ = list_checkpoints(again.actor, CALL, name)
    assert state_at(again, checkpoint.cut) == {"a": "then"}
    assert state_at(replace(again), again.run(cut_now())) == {"a": "then"}
