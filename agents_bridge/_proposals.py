"""Calls on proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack

from agents_bridge._bind import Listing
from agents_bridge._models import Proposal
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import UNSET, CallOptions, Flow, Unset, members, segment


def propose(
    session: Session,
    namespace: str,
    key: str,
    value: Any,
    *,
    quorum: int,
    voters: Sequence[str],
    expires_in_seconds: float | Unset = UNSET,
    if_version: int | None = None,
    note: str | None = None,
    **options: Unpack[CallOptions],
) -> Flow[Proposal]:
    """Have ``quorum`` of the ``voters`` accept a value before it is written.

    Voters are ids or names of agents, ids or addresses of members. The vote that makes the quorum
    writes the value in the same transaction, in your name, and only if you might write it then.

    ``client.proposals.propose("plans", "budget", 12, quorum=2, voters=["ann", "bob", "cho"])``
    """
    body = members(
        key=key,
        value=value,
        quorum=quorum,
        voters=[*voters],
        expires_in_seconds=expires_in_seconds,
        note=UNSET if note is None else note,
        if_version=UNSET if if_version is None else if_version,
    )
    path = f"{namespace_path(namespace)}/proposals"
    response = yield from session.call("POST", path, options, body=body)
    return Proposal.build(response.document())


def get(
    session: Session,
    namespace: str,
    proposal_id: str,
    *,
    values: bool = True,
    **options: Unpack[CallOptions],
) -> Flow[Proposal]:
    """One proposal; with its value, for those who may read the entry's, while it is open."""
    response = yield from session.call(
        "GET",
        _proposal_path(namespace, proposal_id),
        options,
        query={"values": None if values else False},
    )
    return Proposal.build(response.document())


def list(
    session: Session,
    namespace: str,
    *,
    state: str | None = None,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[Proposal]:
    """Proposals, newest first, without their values."""
    path = f"{namespace_path(namespace)}/proposals"
    query = {"state": state, "limit": page_size}
    return Listing(session, path, query, Proposal.build, options)


def vote(
    session: Session,
    namespace: str,
    proposal_id: str,
    vote: Literal["accept", "reject"],
    **options: Unpack[CallOptions],
) -> Flow[Proposal]:
    """Vote, if you are named; a later vote replaces your earlier one for as long as it is open.

    Where the value cannot be written the deciding vote is refused and not counted: Locked,
    PreconditionFailed or Conflict.
    """
    path = f"{_proposal_path(namespace, proposal_id)}/votes"
    response = yield from session.call("POST", path, options, body={"vote": vote})
    return Proposal.build(response.document())


def withdraw(
    session: Session, namespace: str, proposal_id: str, **options: Unpack[CallOptions]
) -> Flow[None]:
    """Take your own proposal back while it is open."""
    yield from session.call("DELETE", _proposal_path(namespace, proposal_id), options)


def _proposal_path(namespace: str, proposal_id: str) -> str:
    return f"{namespace_path(namespace)}/proposals/{segment(proposal_id)}"
