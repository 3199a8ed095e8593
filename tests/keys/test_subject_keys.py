"""Each person's values under a key of their own: one is erased, the others stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.compliance.checks.keys import keys_young, sample_opens
from governance.compliance.registry import Ground
from governance.keys.services import REENCRYPT, rotate_key, set_subject_rule
from governance.keys.stores import count_all
from stateward.gate.keys.exceptions import KeyDestroyed, KeysUnavailable, SubjectShredded
from stateward.gate.keys.load import load_keys
from stateward.gate.keys.services import rotate_subject_key
from stateward.gate.keys.shredding import Shred, Shredded, shred_namespace, shred_subject
from stateward.gate.keys.subjects import SubjectRule, fault_of
from stateward.kernel.clock import now
from stateward.operations.jobs.services import run_here
from stateward.state import queries
from stateward.state.configuration import forget_configurations
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.backups.backup_world import back_up, restored
from tests.factories.api import Api
from tests.factories.retention import Keeper, make_keeper
from tests.factories.state import CALL

LIMITS = {"data_key_age_days": 365, "decrypt_sample": 20}
MIA, LEO = "mia.li@example.org", "leo@example.org"


@pytest.fixture
def keeper(database: None, settings: Any, tmp_path: Path) -> Keeper:
    settings.SHRED_LEDGER = str(tmp_path / "ledger")
    keeper = make_keeper()
    set_subject_rule(keeper.owner, CALL, keeper.world.namespace.name, "/who/email")
    for key, email in (("a", MIA), ("b", LEO), ("c", MIA)):
        keeper.world.put(key, {"who": {"email": email}, "n": 1})
        keeper.world.put(key, {"who": {"email": email}, "n": 2})
    keeper.world.put("plain", {"n": 3})
    return keeper


def erase(keeper: Keeper, subject: str = MIA) -> Shredded:
    with tenant_scope(keeper.tenant_id):
        done = run_flow(shred_subject(keeper.owner, CALL, subject, Shred("She asked for it.")))
    forget_configurations()
    return done


def keys_in_use(keeper: Keeper) -> int:
    with tenant_scope(keeper.tenant_id):
        found = count_all(keeper.tenant_id, keeper.world.namespace.id)
    return len({one.key_id for one in found})


def test_one_person_is_erased_and_the_others_stay(keeper: Keeper) -> None:
    assert keys_in_use(keeper) == 3

    done = erase(keeper)

    assert len(done.entries) == 1
    for key in ("a", "c"):
        for version in (1, 2):
            with pytest.raises(KeyDestroyed):
                keeper.world.at(key, version=version)
    assert keeper.world.get("b").value["n"] == 2
    assert keeper.world.get("plain").value == {"n": 3}
    assert erase(keeper).entries == ()  # nothing of hers is left to destroy
    assert erase(keeper, "nobody@example.org").entries == ()


def test_nothing_more_is_written_about_her(keeper: Keeper) -> None:
    erase(keeper)

    with pytest.raises(SubjectShredded):
        keeper.world.put("new", {"who": {"email": MIA}})
    keeper.world.put("a", {"who": {"email": LEO}})
    assert keeper.world.get("a").value == {"who": {"email": LEO}}


def test_a_list_shows_what_can_be_read(keeper: Keeper) -> None:
    erase(keeper)

    page = keeper.world.run(
        queries.list_entries(keeper.world.actor, CALL, keeper.world.namespace.name)
    )

    assert {one.key: one.data is not None for one in page.entries} == {
        "a": False, "b": True, "c": False, "plain": True
    }  # fmt: skip


def test_a_process_that_never_met_the_key_finds_it(keeper: Keeper) -> None:
    forget_configurations()

    page = keeper.world.run(
        queries.list_entries(keeper.world.actor, CALL, keeper.world.namespace.name)
    )

    assert [one.value.get("n") for one in page.entries] == [2, 2, 2, 3]
    assert keeper.world.at("a", version=1).value["n"] == 1


def test_turning_over_and_sealing_anew_keep_each_under_their_own(keeper: Keeper) -> None:
    [(key_id,)] = keeper.rows(
        "SELECT id FROM stateward_data_key WHERE subject = %s", hash_of(keeper, MIA)
    )
    with tenant_scope(keeper.tenant_id):
        run_flow(
            rotate_subject_key(
                keeper.world.namespace.id, key_id, actor=keeper.owner, call=CALL, reason="test"
            )
        )
    rotate_key(keeper.owner, CALL, keeper.world.namespace.name)

    done = run_here(REENCRYPT, tenant_id=keeper.tenant_id).result

    assert (done["retired"], done["unreadable"]) == (2, 0)
    assert keys_in_use(keeper) == 3
    forget_configurations()
    assert keeper.world.get("a").value["n"] == 2
    erase(keeper)
    assert keeper.world.get("b").value["n"] == 2
    with pytest.raises(KeyDestroyed):
        keeper.world.get("a")


def hash_of(keeper: Keeper, subject: str) -> bytes:
    with tenant_scope(keeper.tenant_id):
        return run_flow(load_keys(keeper.tenant_id)).subject_hash(subject)


def test_the_database_does_not_know_who(keeper: Keeper) -> None:
    stranger = make_keeper()

    assert hash_of(keeper, MIA) != hash_of(stranger, MIA)
    seen = "SELECT count(*) FROM stateward_data_key WHERE position(%s::bytea IN subject) > 0"
    assert keeper.rows(seen, MIA.encode()) == [(0,)]
    assert stranger.rows("SELECT count(*) FROM stateward_data_key WHERE subject IS NOT NULL") == [
        (0,)
    ]


def test_a_backup_from_before_leaves_her_out(keeper: Keeper, tmp_path: Path) -> None:
    made = back_up(keeper.tenant_id, tmp_path / "backups")
    erase(keeper)

    report = restored(made)

    assert report.shredded == {"entries": 2, "revisions": 4}
    assert report.entries == 2


def test_the_rule_is_set_over_rest_and_none_is_made_of_nonsense(keeper: Keeper) -> None:
    api = Api(keeper.member)
    path = f"/keys/{keeper.world.namespace.name}/subject-rule"

    assert api("GET", path).json() == {"path": "/who/email", "people": 2, "shredded": 0}
    assert api("PUT", path, {"path": "no hole"}).status_code == 422
    assert api("PUT", path, {"path": None}).json()["path"] is None
    keeper.world.put("a", {"who": {"email": MIA}})
    assert erase(keeper).keys
    assert keeper.world.get("a").value == {"who": {"email": MIA}}  # under the namespace's key


def test_a_shredded_namespace_takes_its_people_along(keeper: Keeper) -> None:
    with tenant_scope(keeper.tenant_id):
        why = Shred("The project is over.")
        done = run_flow(shred_namespace(keeper.owner, CALL, keeper.world.namespace.id, why))
    forget_configurations()

    assert len(done.entries) == 3
    for key in ("a", "b", "plain"):
        with pytest.raises(KeyDestroyed):
            keeper.world.get(key)
    with pytest.raises(KeysUnavailable):
        keeper.world.put("new", {"who": {"email": "somebody.new@example.org"}})


def test_compliance_takes_a_shredded_value_for_what_it_is(keeper: Keeper) -> None:
    """C34 and C36: erased people are no fault of the keys, and those who stay do open."""
    erase(keeper)

    for check in (keys_young, sample_opens):
        with tenant_scope(keeper.tenant_id):
            answer = check(Ground(keeper.tenant_id, "t", now(), LIMITS))
        assert (answer.outcome, answer.failing) == ("pass", 0), answer


def test_what_stands_in_the_key_names_as_well() -> None:
    rule = SubjectRule("customer.{}.cart")

    assert rule.subject_of("customer.7.cart", None) == "7"
    assert rule.subject_of("customer..cart", None) is None
    assert rule.subject_of("order.7.cart", None) is None
    assert SubjectRule("/a/0/id").subject_of("k", {"a": [{"id": 5}]}) == "5"
    assert SubjectRule("/a~1b").subject_of("k", {"a/b": "x"}) == "x"
    for value in (None, [], {"a": True}, {"a": 1.5}, {"a": "x" * 600}, "text"):
        assert SubjectRule("/a").subject_of("k", value) is None


@given(st.text(max_size=40), st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_no_rule_fails_on_any_value(path: str, value: Any) -> None:
    if not fault_of(path):
        SubjectRule(path).subject_of("some.key", value)
