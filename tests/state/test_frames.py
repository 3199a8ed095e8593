"""Frames of records: found again for the same class of requests, and for no other."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from stateward.gate.audit.record import compose
from stateward.gate.policy.book import PolicyBook
from stateward.gate.policy.decide import decide
from stateward.gate.policy.requests import Decision, call_context
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.frames import MOST, frame_of, read_class_of
from stateward.tenancy.actors import Actor, Call

ACTOR = Actor("agent", uuid4(), "booker", uuid4(), "airline", ("writer",))
RULES = NamespaceRules(
    uuid4(), "desk", "shared", "last_write_wins", "internal", "", {}, None, 0, None
)
BOOK = PolicyBook(ACTOR.tenant_id, tenant_slug="airline")
CALL = Call("r-1", "192.0.2.7", purpose="booking", user_agent="x")


def a_configuration() -> TenantConfiguration:
    return cast("TenantConfiguration", SimpleNamespace(frames={}))


def decided(call: Call = CALL, actor: Actor = ACTOR) -> Decision:
    return decide(BOOK, actor, "state.write", RULES.entry("k", {}), call_context(call))


def test_a_frame_filled_is_the_record_composed() -> None:
    decision, record_id = decided(), uuid4()
    more: dict[str, Any] = {"after_hash": b"\x01" * 32, "extra": {"size_bytes": 2}}

    frame = frame_of(a_configuration(), decision, "state.write", RULES)
    filled = frame.fill(CALL, decision_id=decision.id, record_id=record_id, **more)

    composed = compose(
        actor=ACTOR, call=CALL, action="state.write", resource_type="entry",
        resource_id=str(RULES.id), reason=decision.reason, decision=decision.facts(),
        namespace_id=RULES.id, classification="internal", record_id=record_id, **more,
    )  # fmt: skip
    salted = "personal"  # differs each time
    for one, other in ((filled.head, composed.head), (filled.middle, composed.middle)):
        text = b"{" + one.strip(b"{,").removesuffix(b',"at":"').removesuffix(b',"version":') + b"}"
        same = (
            b"{" + other.strip(b"{,").removesuffix(b',"at":"').removesuffix(b',"version":') + b"}"
        )
        assert json.loads(text) | {salted: 0} == json.loads(same) | {salted: 0}
        assert len(text) == len(same)
    assert [str(column) for column in filled[:14]] == [str(column) for column in composed[:14]]


def test_what_may_be_personal_shares_a_frame_and_what_is_recorded_does_not() -> None:
    configuration = a_configuration()

    def of(call: Call, actor: Actor = ACTOR) -> object:
        return frame_of(configuration, decided(call, actor), "state.write", RULES)

    assert of(CALL) is of(replace(CALL, purpose="other", source_address="", request_id="r-2"))
    assert of(CALL) is not of(replace(CALL, run="run-1"))
    assert of(CALL) is not of(CALL, replace(ACTOR, mfa=True))
    assert of(CALL) is not frame_of(configuration, decided(), "state.delete", RULES)


def test_new_rules_of_a_namespace_make_a_new_frame() -> None:
    configuration = a_configuration()
    restricted = replace(RULES, classification="restricted")

    before = frame_of(configuration, decided(), "state.write", RULES)
    after = frame_of(configuration, decided(), "state.write", restricted)

    assert (before.classification, after.classification) == ("internal", "restricted")


def test_reads_of_one_class_are_one_object() -> None:
    configuration, decision = a_configuration(), decided()

    first = read_class_of(configuration, decision, "state.read_value", RULES)

    assert first is read_class_of(configuration, decided(), "state.read_value", RULES)
    assert b'"id"' not in first.decision


def test_frames_are_bounded() -> None:
    configuration = a_configuration()
    for number in range(MOST + 10):
        decision = decided(replace(CALL, run=str(number)))
        read_class_of(configuration, decision, "state.read_value", RULES)

    assert len(configuration.frames) <= MOST
