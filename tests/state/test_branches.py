"""Branches: they begin as the parent was, and go back into it without losing what either did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from stateward.kernel.errors import NotFound, StatewardError
from stateward.state.exceptions import BranchConflicts
from stateward.state.services import branches
from stateward.state.services.branches import MergedBranch, make_branch, merge_branch
from stateward.state.services.checkpoints import make_checkpoint
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World
from tests.state.test_restoring import now


def branch(world: World, **how: Any) -> World:
    name = f"branch.n{uuid4().hex}"
    with tenant_scope(world.tenant.id):
        made = make_branch(world.actor, CALL, world.namespace.name, name, **how)
        while made.next_after is not None:
            made = branches.fill_branch(world.actor, CALL, name, after=made.next_after)
        found = type(world.namespace).objects.get(tenant_id=world.tenant.id, name=name)
    return replace(world, namespace=found)


def merge(world: World, **how: Any) -> MergedBranch:
    with tenant_scope(world.tenant.id):
        return merge_branch(world.actor, CALL, world.namespace.name, **how)


def told(done: MergedBranch) -> list[tuple[str, str]]:
    return [(item.key, item.change) for item in done.items]


def test_a_branch_begins_as_its_parent_is_and_each_goes_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.put(f"k{number}", number, labels={"n": str(number)})
    world.delete("k4")
    monkeypatch.setattr(branches, "MAX_ENTRIES", 2)

    twig = branch(world)
    twig.put("k0", "branch")
    world.put("k1", "parent")

    assert now(twig) == {"k0": "branch", "k1": 1, "k2": 2, "k3": 3}
    assert now(world) == {"k0": 0, "k1": "parent", "k2": 2, "k3": 3}
    assert dict(twig.get("k3").labels) == {"n": "3"}


def test_a_branch_begins_at_a_checkpoint(world: World) -> None:
    world.put("a", 1)
    with tenant_scope(world.tenant.id):
        then = make_checkpoint(world.actor, CALL, world.namespace.name, "then")
    world.put("a", 2)

    assert now(branch(world, checkpoint=then.id)) == {"a": 1}


def test_a_merge_takes_what_the_branch_did_and_keeps_what_the_parent_did(world: World) -> None:
    for key in ("both", "theirs", "ours", "gone"):
        world.put(key, {"x": 1, "y": 1})
    twig = branch(world)
    world.put("both", {"x": 2, "y": 1})
    world.put("theirs", {"x": 9})
    twig.put("both", {"x": 1, "y": 2})
    twig.put("ours", {"x": 3})
    twig.put("new", 1)
    twig.delete("gone")

    would = merge(twig, dry_run=True)
    done = merge(twig)

    expected = [
        ("both", "changed"), ("gone", "deleted"), ("new", "created"), ("ours", "changed"),
    ]  # fmt: skip
    assert told(would) == told(done) == expected
    assert [item.is_both for item in done.items] == [True, False, False, False]
    assert now(world) == {
        "both": {"x": 2, "y": 2}, "theirs": {"x": 9}, "ours": {"x": 3}, "new": 1,
    }  # fmt: skip
    assert told(merge(twig)) == []
    twig.put("ours", {"x": 4})
    assert told(merge(twig)) == [("ours", "changed")]
    assert world.get("ours").value == {"x": 4}


def test_the_same_places_conflict_and_nothing_is_merged_unless_one_is_preferred(
    world: World,
) -> None:
    world.put("a", {"x": 1, "y": 1})
    world.put("b", 1)
    twig = branch(world)
    for place, value in ((world, 2), (twig, 3)):
        place.put("a", {"x": value, "y": value})
    twig.put("b", 2)
    world.delete("b")

    seen = merge(twig, dry_run=True)
    with pytest.raises(BranchConflicts) as refused:
        merge(twig)

    assert [(one.key, one.pointers) for one in seen.conflicts] == [
        ("a", ("/x", "/y")),
        ("b", ("",)),
    ]
    assert refused.value.members["conflicts"][0] == {"key": "a", "pointers": ["/x", "/y"]}
    assert now(world) == {"a": {"x": 2, "y": 2}}
    merge(twig, prefer="branch")
    assert now(world) == {"a": {"x": 3, "y": 3}, "b": 2}


def test_a_namespace_that_is_no_branch_is_not_merged(world: World) -> None:
    with pytest.raises(NotFound):
        merge(world)
    with pytest.raises(StatewardError) as refused, tenant_scope(world.tenant.id):
        make_branch(world.actor, CALL, world.namespace.name, world.namespace.name)
    assert refused.value.code == "namespace_exists"
