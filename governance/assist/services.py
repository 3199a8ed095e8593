"""The three things the model helps with, each told from top to bottom.

In order: is there a model; in one short transaction decide, read what the caller may read, mask it,
count the question and record that it is about to be asked; then, with no transaction open, ask;
then, in another one, record what came of it. What was asked and answered is in no record: its size,
a hash under the tenant's key, the model and the tokens are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from governance.assist import drafting
from governance.assist.answers import Assisted, Point, points_of
from governance.assist.asking import (
    ANOMALIES,
    EXPLAIN,
    POINTS,
    Answered,
    Question,
    Spent,
    converse,
    shortened,
)
from governance.assist.endpoint import conversation, place, require_on
from governance.assist.exceptions import BadSentence
from governance.assist.gathering import Material, about_entry, about_namespace
from governance.assist.limits import begin, finish
from governance.assist.redaction import Masked
from governance.policies.exceptions import PolicyNameTaken
from governance.policies.services import create_policy
from stateward.gate.audit.record import append, compose
from stateward.gate.policy.load import record_snapshots
from stateward.gate.policy.models import Policy
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.flow import Flow
from stateward.kernel.ids import uuid7
from stateward.state.configuration import load_configuration_for
from stateward.state.services.namespaces import readable_namespaces
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import standing
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.drf.settling import RightsChanged

SENTENCE = (10, 1_000)
MOST_NAMESPACES = 50


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that is decided, counted and recorded, and may be put now."""

    kind: str
    actor: Actor
    call: Call
    material: Material
    question: Question
    id: UUID


def explain_entry(actor: Actor, call: Call, *, namespace: str, key: str) -> Assisted:
    """What an entry holds and how it came to be so, in a machine's words."""
    require_on()
    with place():
        with tenant_scope(actor.tenant_id):
            material = run_flow(about_entry(actor, call, namespace, key))
            asked = _begin(
                "explain", actor, call, material, Question(EXPLAIN, material.text, POINTS)
            )
        return _pointed(asked, _put(asked))


def find_anomalies(actor: Actor, call: Call, *, namespace: str) -> Assisted:
    """What is odd among a namespace's entries, in a machine's words."""
    require_on()
    with place():
        with tenant_scope(actor.tenant_id):
            material = run_flow(about_namespace(actor, call, namespace))
            question = Question(ANOMALIES, material.text, POINTS)
            asked = _begin("anomalies", actor, call, material, question)
        return _pointed(asked, _put(asked))


def draft_policy(actor: Actor, call: Call, *, sentence: str) -> Assisted:
    """A policy that does what a sentence asks, saved as version 1 and not in force; or, where the
    model sees no such policy, its reason.
    """
    require_on()
    if not SENTENCE[0] <= len(sentence.strip()) <= SENTENCE[1]:
        raise BadSentence
    with place():
        with tenant_scope(actor.tenant_id):
            before = standing(actor.tenant_id)
            permit(actor, call, "policy.draft", whole_tenant(actor))
            material, question = _about_policies(actor, call, sentence)
            asked = _begin("policy", actor, call, material, question)
        answered = _put(asked)
        policy = None
        if answered.content["policy"].strip():
            with tenant_scope(actor.tenant_id):
                if standing(actor.tenant_id) != before:
                    raise RightsChanged  # who may draft was decided before the model was asked
                policy = _saved(asked, answered)
        return _assisted(asked, answered, str(answered.content["description"]), policy=policy)


def _about_policies(actor: Actor, call: Call, sentence: str) -> tuple[Material, Question]:
    about = whole_tenant(actor)
    decision = permit(actor, call, "model.use", about)
    found, _ = readable_namespaces(actor, call, limit=MOST_NAMESPACES)
    masked = Masked()
    question = drafting.question(sentence, [one.name for one in found], masked)
    return Material({}, decision, about, about.id, masked=masked), question


def _begin(kind: str, actor: Actor, call: Call, material: Material, question: Question) -> _Asked:
    asked = _Asked(kind, actor, call, material, question, begin(actor, kind).id)
    details = {
        "characters": len(question.document),
        "masked": sum(material.masked.counts.values()),
        "versions": list(material.versions),
        "entries": len(material.entries),
        "question_hash": _keyed(actor, question.document),
    }
    _record(asked, "assist.asked", details)
    return asked


def _put(asked: _Asked) -> Answered:
    """Ask the model, outside any transaction, and record what came of it."""
    try:
        with conversation() as client:
            answered = converse(client, asked.question)
    except Spent as spent:
        outcome = getattr(spent.error, "code", "failed")
        _settle(asked, "assist.failed", outcome, spent.tokens, {"outcome": outcome})
        raise spent.error from None
    tokens = {"input_tokens": answered.input_tokens, "output_tokens": answered.output_tokens}
    details = {"model": answered.model, "repaired": answered.is_repaired, **tokens}
    with tenant_scope(asked.actor.tenant_id):
        details["answer_hash"] = _keyed(asked.actor, answered.text)
    _settle(asked, "assist.answered", "answered", sum(tokens.values()), details)
    return answered


def _settle(
    asked: _Asked, event: str, outcome: str, tokens: int, details: Mapping[str, Any]
) -> None:
    with tenant_scope(asked.actor.tenant_id):
        finish(asked.actor.tenant_id, asked.id, outcome=outcome, tokens=tokens)
        _record(asked, event, details)


def _saved(asked: _Asked, answered: Answered) -> Policy:
    name, text = drafting.name_of(answered.content), answered.content["policy"].strip() + "\n"
    said = shortened(str(answered.content["description"]))[:1_500]
    description = f"Drafted by a model, {answered.model}; read it before it is put in force. {said}"
    try:
        return create_policy(asked.actor, asked.call, name=name, text=text, description=description)
    except PolicyNameTaken:
        again = f"{name}-{str(uuid7())[-6:]}"
        return create_policy(
            asked.actor, asked.call, name=again, text=text, description=description
        )


def _pointed(asked: _Asked, answered: Answered) -> Assisted:
    material = asked.material
    points = points_of(answered.content, material.versions, material.entries)
    return _assisted(asked, answered, str(answered.content["summary"]), points=points)


def _assisted(
    asked: _Asked,
    answered: Answered,
    summary: str,
    *,
    points: tuple[Point, ...] = (),
    policy: Policy | None = None,
) -> Assisted:
    return Assisted(
        asked.id,
        asked.kind,
        shortened(summary),
        answered.model,
        answered.input_tokens,
        answered.output_tokens,
        dict(asked.material.masked.counts),
        len(asked.question.document),
        points,
        policy,
    )


def _keyed(actor: Actor, text: str) -> str:
    """A hash under the tenant's key: what was sent can be confirmed, not guessed."""

    def flow() -> Flow[str]:
        configuration = yield from load_configuration_for(actor)
        return configuration.keys.value_hash(text.encode("utf-8", "replace")).hex()

    return run_flow(flow())


def _record(asked: _Asked, event: str, details: Mapping[str, Any]) -> None:
    material, decision = asked.material, asked.material.decision
    run_flow(record_snapshots(asked.actor.tenant_id, decision))
    rules = material.rules
    draft = compose(
        actor=asked.actor,
        call=asked.call,
        action="model.use",
        resource_type=material.about.type,
        resource_id=material.resource_id,
        reason=decision.reason,
        decision=decision.facts(),
        namespace_id=rules.id if rules else None,
        classification=rules.classification if rules else None,
        personal={"key": material.key} if material.key is not None else None,
        extra={"event": event, "kind": asked.kind, "call": str(asked.id), **details},
    )
    run_flow(append(draft))
