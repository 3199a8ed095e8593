"""Calls on agents and their credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack

from agents_bridge._bind import Listing
from agents_bridge._models import Agent, Credential, IssuedCredential
from agents_bridge._session import API, Session
from agents_bridge._wire import (
    UNSET,
    CallOptions,
    Flow,
    Response,
    Unset,
    members,
    rfc3339,
    segment,
)

AGENTS = f"{API}/agents"
CREDENTIALS = f"{API}/credentials"


def create(
    session: Session,
    name: str,
    *,
    roles: Sequence[str],
    framework: str | Unset = UNSET,
    team: str | Unset = UNSET,
    environment: str | Unset = UNSET,
    risk_class: str | Unset = UNSET,
    agent_purpose: str | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[Agent]:
    """Register an agent. Its roles are among ``builder``, ``writer``, ``reader``.

    ``agent_purpose`` says what the agent is for; ``purpose`` is, as everywhere, that of this call.
    """
    body = members(
        name=name,
        roles=[*roles],
        framework=framework,
        team=team,
        environment=environment,
        risk_class=risk_class,
        purpose=agent_purpose,
    )
    response = yield from session.call("POST", AGENTS, options, body=body)
    return Agent.build(response.document())


def list(
    session: Session, *, page_size: int | None = None, **options: Unpack[CallOptions]
) -> Listing[Agent]:
    """All agents of the tenant."""
    return Listing(session, AGENTS, {"limit": page_size}, Agent.build, options)


def get(session: Session, agent_id: str, **options: Unpack[CallOptions]) -> Flow[Agent]:
    """One agent. Raises NotFound."""
    response = yield from session.call("GET", f"{AGENTS}/{segment(agent_id)}", options)
    return Agent.build(response.document())


def update(
    session: Session,
    agent_id: str,
    *,
    name: str | Unset = UNSET,
    roles: Sequence[str] | Unset = UNSET,
    framework: str | Unset = UNSET,
    team: str | Unset = UNSET,
    environment: str | Unset = UNSET,
    risk_class: str | Unset = UNSET,
    agent_purpose: str | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[Agent]:
    """Change what is given, leave the rest."""
    body: dict[str, Any] = members(
        name=name,
        roles=roles if isinstance(roles, Unset) else [*roles],
        framework=framework,
        team=team,
        environment=environment,
        risk_class=risk_class,
        purpose=agent_purpose,
    )
    path = f"{AGENTS}/{segment(agent_id)}"
    response = yield from session.call("PATCH", path, options, body=body)
    return Agent.build(response.document())


def pause(
    session: Session,
    agent_id: str,
    *,
    reason: str | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[Agent]:
    """Refuse every call of the agent, from the next one on, until it is resumed."""
    path = f"{AGENTS}/{segment(agent_id)}/pause"
    response = yield from session.call("PUT", path, options, body=members(reason=reason))
    return Agent.build(response.document())


def resume(session: Session, agent_id: str, **options: Unpack[CallOptions]) -> Flow[Agent]:
    """Let a paused agent go on."""
    path = f"{AGENTS}/{segment(agent_id)}/pause"
    return Agent.build((yield from session.call("DELETE", path, options)).document())


def retire(session: Session, agent_id: str, **options: Unpack[CallOptions]) -> Flow[None]:
    """End an agent for good, with all its credentials. What it wrote stays, under its name."""
    yield from session.call("DELETE", f"{AGENTS}/{segment(agent_id)}", options)


def issue_credential(
    session: Session,
    agent_id: str,
    *,
    label: str | Unset = UNSET,
    scopes: Sequence[str] | Unset = UNSET,
    expires_at: datetime | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[IssuedCredential]:
    """A new API key for the agent. Its ``api_key`` is shown this once; keep it now.

    ``scopes`` cap what the key may be used for; they never add to what the agent may do.
    """
    path = f"{AGENTS}/{segment(agent_id)}/credentials"
    body = _wanted(label, scopes, expires_at)
    return _issued((yield from session.call("POST", path, options, body=body)))


def credentials(
    session: Session,
    agent_id: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Credential]:
    """The agent's credentials, without their secrets."""
    path = f"{AGENTS}/{segment(agent_id)}/credentials"
    return Listing(session, path, {"limit": page_size}, Credential.build, options)


def issue_own(
    session: Session,
    *,
    label: str | Unset = UNSET,
    scopes: Sequence[str] | Unset = UNSET,
    expires_at: datetime | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[IssuedCredential]:
    """A personal token for the member who calls. Its ``api_key`` is shown this once."""
    body = _wanted(label, scopes, expires_at)
    return _issued((yield from session.call("POST", CREDENTIALS, options, body=body)))


def own(
    session: Session, *, page_size: int | None = None, **options: Unpack[CallOptions]
) -> Listing[Credential]:
    """The personal tokens of the member who calls, without their secrets."""
    return Listing(session, CREDENTIALS, {"limit": page_size}, Credential.build, options)


def revoke(session: Session, credential_id: str, **options: Unpack[CallOptions]) -> Flow[None]:
    """End a credential now."""
    yield from session.call("DELETE", f"{CREDENTIALS}/{segment(credential_id)}", options)


def rotate(
    session: Session,
    credential_id: str,
    *,
    overlap_seconds: int | Unset = UNSET,
    **options: Unpack[CallOptions],
) -> Flow[IssuedCredential]:
    """A successor for a credential; the old key works for ``overlap_seconds`` more, so that nothing
    stands still.
    """
    path = f"{CREDENTIALS}/{segment(credential_id)}/rotation"
    body = members(overlap_seconds=overlap_seconds)
    return _issued((yield from session.call("POST", path, options, body=body)))


def _wanted(
    label: str | Unset, scopes: Sequence[str] | Unset, expires_at: datetime | Unset
) -> dict[str, Any]:
    return members(
        label=label,
        scopes=scopes if isinstance(scopes, Unset) else [*scopes],
        expires_at=expires_at if isinstance(expires_at, Unset) else rfc3339(expires_at),
    )


def _issued(response: Response) -> IssuedCredential:
    return IssuedCredential.build(response.document())
