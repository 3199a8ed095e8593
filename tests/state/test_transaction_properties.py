"""Random transactions against a model of what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stateward.kernel.errors import NotFound, PreconditionFailed, StatewardError
from stateward.state import gathering
from stateward.state.exceptions import RepeatedKey
from stateward.state.services.entries import Conditions, Delete, Patch, Put
from stateward.state.services.transactions import Check, Operation, transact
from tests.factories.state import CALL, World, make_world

KEYS = ("a", "b", "c", "d")
ROUNDS = count()

operations = st.builds(
    Operation,
    st.just("notes"),
    st.sampled_from(KEYS),
    st.one_of(
        st.builds(Put, st.integers(0, 9).map(lambda n: {"n": n})),
        st.builds(Patch, st.integers(0, 9).map(lambda n: {"m": n}), st.just(True)),
        st.builds(Delete),
        st.builds(Check),
    ),
    st.builds(Conditions, st.none() | st.integers(1, 4), st.booleans()),
)
transactions = st.lists(st.lists(operations, min_size=1, max_size=5), min_size=1, max_size=6)


@dataclass(frozen=True)
class Slot:
    """A key as it should be. ``value`` None: there is none."""

    version: int = 0
    value: Any = None


Model = dict[str, Slot]


def predicted(model: Model, wanted: list[Operation]) -> Model | type[StatewardError]:
    """The model afterwards, or how the transaction is refused. Every operation sees the model as
    it was before.
    """
    written = [operation.key for operation in wanted if not isinstance(operation.change, Check)]
    if len(set(written)) < len(written):
        return RepeatedKey
    for operation in wanted:  # what has nothing to begin from is refused before anything is locked
        if isinstance(operation.change, Patch) and model[operation.key].value is None:
            return NotFound if operation.conditions.if_version is None else PreconditionFailed
    after = dict(model)
    for operation in wanted:
        became = _became(model[operation.key], operation)
        if not isinstance(became, Slot):
            return became
        if not isinstance(operation.change, Check):
            after[operation.key] = became
    return after


def _became(slot: Slot, operation: Operation) -> Slot | type[StatewardError]:
    demanded, is_there = operation.conditions, slot.value is not None
    if demanded.if_none and is_there:
        return PreconditionFailed
    if demanded.if_version is not None and demanded.if_version != slot.version * is_there:
        return PreconditionFailed
    match operation.change:
        case Delete():
            return Slot(slot.version + 1) if is_there else NotFound
        case Patch(document=document):
            return Slot(slot.version + 1, {**slot.value, **document})
        case Put(value=value):
            return Slot(slot.version + 1, value)
    return slot


@pytest.fixture(scope="module")
def shared(django_db_blocker: Any, django_db_setup: None) -> Iterator[World]:
    with django_db_blocker.unblock():
        yield make_world()


@given(transactions)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_transactions_do_what_the_model_does(shared: World, history: list[list[Operation]]) -> None:
    round_ = next(ROUNDS)  # keys of its own for each example
    names = {key: f"{key}-{round_}" for key in KEYS}
    model: Model = dict.fromkeys(KEYS, Slot())
    for wanted in history:
        expected = predicted(model, wanted)
        named = [operation._replace(key=names[operation.key]) for operation in wanted]
        if isinstance(expected, dict):
            done = shared.run(transact(shared.actor, CALL, named))
            assert len({result.entry.updated_at for result in done.results if result.entry}) <= 1
            model = expected
        else:
            with pytest.raises(expected) as refused:
                shared.run(transact(shared.actor, CALL, named))
            assert refused.value.errors[0].pointer.startswith("/operations/")

        places = [gathering.Place("notes", name) for name in names.values()]
        found = shared.run(gathering.get_entries(shared.actor, CALL, places))
        assert {entry.key: (entry.version, entry.value) for entry in found} == {
            names[key]: (slot.version, slot.value)
            for key, slot in model.items()
            if slot.value is not None
        }


def test_the_model_can_be_contradicted(shared: World) -> None:
    """The promise broken on purpose: a model that forgets to refuse is caught."""
    operation = Operation("notes", "never", Check(), Conditions(if_version=1))

    with pytest.raises(PreconditionFailed):
        shared.run(transact(shared.actor, CALL, [operation]))
    assert predicted({"never": Slot()}, [operation]) is PreconditionFailed
    assert predicted({"never": replace(Slot(), version=1, value={})}, [operation]) == {
        "never": Slot(1, {})
    }
