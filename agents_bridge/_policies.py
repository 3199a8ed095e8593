"""Calls on policies and decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from agents_bridge._bind import Listing
from agents_bridge._models import Evaluation, Explanation, Policy, PolicyVersion, Validation
from agents_bridge._session import API, Session
from agents_bridge._wire import CallOptions, Flow, segment

POLICIES = f"{API}/policies"


class Question(TypedDict, total=False):
    """One question of a batch to ``decisions.evaluate_all``."""

    subject: Mapping[str, Any]
    action: Mapping[str, Any]
    resource: Mapping[str, Any]
    context: Mapping[str, Any]


def create(
    session: Session,
    name: str,
    text: str,
    *,
    description: str = "",
    **options: Unpack[CallOptions],
) -> Flow[Policy]:
    """Keep a policy (Cedar text) as its version 1. It is not in force until activated.
    Unprocessable if it is wrong.

    >>> policy = client.policies.create("night", 'forbid (principal, action, resource);')
    >>> policy.name, policy.active_version
    ('night', None)
    """
    body = {"name": name, "text": text, "description": description}
    response = yield from session.call("POST", POLICIES, options, body=body)
    return Policy.build(response.document())


def list(
    session: Session, *, page_size: int | None = None, **options: Unpack[CallOptions]
) -> Listing[Policy]:
    """All policies of the tenant.

    >>> _ = client.policies.create("freeze", 'forbid (principal, action, resource);')
    >>> "freeze" in [policy.name for policy in client.policies.list()]
    True
    """
    return Listing(session, POLICIES, {"limit": page_size}, Policy.build, options)


def get(session: Session, policy_id: str, **options: Unpack[CallOptions]) -> Flow[Policy]:
    """One policy. Raises NotFound."""
    response = yield from session.call("GET", f"{POLICIES}/{segment(policy_id)}", options)
    return Policy.build(response.document())


def versions(
    session: Session,
    policy_id: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[PolicyVersion]:
    """The versions of a policy's text, newest first."""
    path = f"{POLICIES}/{segment(policy_id)}/versions"
    return Listing(session, path, {"limit": page_size}, PolicyVersion.build, options)


def add_version(
    session: Session,
    policy_id: str,
    text: str,
    *,
    note: str = "",
    **options: Unpack[CallOptions],
) -> Flow[PolicyVersion]:
    """Keep a new version of the text. The version in force stays in force until another is
    activated.

    >>> policy = client.policies.create("quiet", 'forbid (principal, action, resource);')
    >>> client.policies.add_version(policy.id, 'permit (principal, action, resource);').version
    2
    """
    response = yield from session.call(
        "POST",
        f"{POLICIES}/{segment(policy_id)}/versions",
        options,
        body={"text": text, "note": note},
    )
    return PolicyVersion.build(response.document())


def activate(
    session: Session, policy_id: str, version: int, **options: Unpack[CallOptions]
) -> Flow[Policy]:
    """Put one version in force, from the next write on. Activating an older one is how to roll
    back.

    >>> policy = client.policies.create("gate", 'forbid (principal, action, resource);')
    >>> client.policies.activate(policy.id, 1).active_version
    1
    """
    path = f"{POLICIES}/{segment(policy_id)}/activation"
    response = yield from session.call("PUT", path, options, body={"version": version})
    return Policy.build(response.document())


def deactivate(session: Session, policy_id: str, **options: Unpack[CallOptions]) -> Flow[None]:
    """Take the policy out of force; its versions stay."""
    yield from session.call("DELETE", f"{POLICIES}/{segment(policy_id)}/activation", options)


def rollback(session: Session, policy_id: str, **options: Unpack[CallOptions]) -> Flow[Policy]:
    """Put in force again what was in force before the last activation."""
    path = f"{POLICIES}/{segment(policy_id)}/rollback"
    return Policy.build((yield from session.call("POST", path, options)).document())


def validate(session: Session, text: str, **options: Unpack[CallOptions]) -> Flow[Validation]:
    """Check a text without keeping it; the answer has each fault with its line and column.

    >>> bool(client.policies.validate('permit (principal, action, resource);'))
    True
    """
    response = yield from session.call(
        "POST", f"{POLICIES}/validation", options, body={"text": text}
    )
    return Validation.build(response.document())


def explain(
    session: Session,
    *,
    principal: tuple[str, str],
    action: str,
    resource: tuple[str, str],
    context: Mapping[str, Any] | None = None,
    **options: Unpack[CallOptions],
) -> Flow[Explanation]:
    """What would be decided, and why: which policies decide, and which clause of which policy
    nearly matched.

    ``principal`` and ``resource`` are pairs of type and id: ``("agent", agent_id)``, ``("entry",
    "notes/plan")``.
    """
    body = {
        "principal": {"type": principal[0], "id": principal[1]},
        "action": action,
        "resource": {"type": resource[0], "id": resource[1]},
        "context": dict(context or {}),
    }
    response = yield from session.call("POST", f"{API}/decisions/explanation", options, body=body)
    return Explanation.build(response.document())


def evaluate(
    session: Session,
    *,
    subject: tuple[str, str],
    action: str,
    resource: tuple[str, str],
    context: Mapping[str, Any] | None = None,
    **options: Unpack[CallOptions],
) -> Flow[Evaluation]:
    """Ask for one decision the AuthZEN way; the answer is true where it is allowed."""
    body = question(subject=subject, action=action, resource=resource, context=context)
    response = yield from session.call("POST", "/access/v1/evaluation", options, body=body)
    return Evaluation.build(response.document())


def evaluate_all(
    session: Session, questions: Sequence[Question], **options: Unpack[CallOptions]
) -> Flow[tuple[Evaluation, ...]]:
    """Ask for several decisions at once (AuthZEN evaluations); answers come in order."""
    response = yield from session.call(
        "POST", "/access/v1/evaluations", options, body={"evaluations": [*questions]}
    )
    return tuple(map(Evaluation.build, response.document().get("evaluations") or ()))


def question(
    *,
    subject: tuple[str, str],
    action: str,
    resource: tuple[str, str],
    context: Mapping[str, Any] | None = None,
) -> Question:
    """One question in AuthZEN's shape, for ``decisions.evaluate_all``."""
    asked: Question = {
        "subject": {"type": subject[0], "id": subject[1]},
        "action": {"name": action},
        "resource": {"type": resource[0], "id": resource[1]},
    }
    if context:
        asked["context"] = dict(context)
    return asked
