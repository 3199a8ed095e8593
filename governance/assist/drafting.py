"""A policy from a sentence: what the model must know of the language, and what a draft must be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from governance.assist.asking import Question
from governance.assist.redaction import Masked
from stateward.gate.policy.validate import validate
from stateward.gate.policy.vocabulary import ACTIONS, ENTITY_TYPES, GROUPS, TEXTS

MOST_FAULTS = 5
_NAME = re.compile(r"[^A-Za-z0-9._-]+")

TASK = """\
Write one Cedar policy that does what the sentence asks, no more and no less. Forbid where \
something is to be prevented; permit only where the sentence plainly allows something. Prefer the \
narrowest scope. Begin with a // comment that says in a sentence what the rule is for, and an \
@id("kebab-case") annotation. If the sentence cannot be put into such a policy, answer with an \
empty "policy" and say why in "description". Form: {"name": "kebab-case-name", "description": "one \
sentence", "policy": "Cedar text"}"""
FORM: Mapping[str, Any] = {
    "type": "object",
    "required": ["name", "description", "policy"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": {"type": "string", "maxLength": 4_000},
        "policy": {"type": "string", "maxLength": 16_384},
    },
}
EXAMPLES = (
    'forbid (principal is Agent, action == Action::"state.write", '
    'resource in Namespace::"airline.refunds") unless { context has purpose };',
    'permit (principal in Role::"reader", action == Action::"state.read_value", resource) '
    'when { resource.classification == "internal" && principal.team == "desk" };',
    'forbid (principal is Agent, action in [Action::"state.delete", Action::"state.purge"], '
    'resource) when { resource.hasTag("region") && resource.getTag("region") == "eu" };',
)


def question(sentence: str, namespaces: Sequence[str], masked: Masked) -> Question:
    """What is asked of the model; the sentence is masked like everything else."""
    document = {
        "sentence": masked.text(sentence),
        "actions": [*ACTIONS, *sorted(GROUPS)],
        "entity_types": {kind: [*TEXTS[kind]] for kind in ENTITY_TYPES.values()},
        "context": ["purpose?", "run?", "on_behalf_of?", "mfa", "auth_method", "time"],
        "classifications": ["public", "internal", "confidential", "restricted"],
        "labels": 'resource.hasTag("name") && resource.getTag("name") == "value"',
        "namespaces": [masked.text(name) for name in namespaces],
        "examples": EXAMPLES,
    }
    return Question(TASK, json.dumps(document, ensure_ascii=False), FORM, _faults)


def _faults(answer: dict[str, Any]) -> str:
    """What our own validator says of the text, for the model to mend. Empty text is an answer:
    there is no such policy.
    """
    text = answer["policy"].strip()
    if not text:
        return ""
    found = validate(text)
    said = [f"line {one.line}, column {one.column}: {one.message}." for one in found[:MOST_FAULTS]]
    return " ".join(said)


def name_of(answer: Mapping[str, Any]) -> str:
    """The model's name for it, as a policy's name may be; what follows makes it unlike others."""
    name = _NAME.sub("-", str(answer["name"])).strip("-._")[:60].strip("-._")
    return name or "drafted-policy"
