"""Proposals over HTTP: parse → one service or query → render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed, unfit
from stateward.state.dataplane.asked import Asked, Routes
from stateward.state.entries import Principal
from stateward.state.members import (
    id_in_path,
    seconds_member,
    text_member,
    whole_member,
)
from stateward.state.parsing import (
    check_members,
    json_body,
    parse_note,
    parse_repeat,
    parse_version_member,
)
from stateward.state.proposals import Proposal, VoteName
from stateward.state.rendering import data_answer, principal_body
from stateward.state.services.proposals import (
    DEFAULT_LIFE_SECONDS,
    MAX_LIFE_SECONDS,
    MAX_VOTERS,
    Decided,
    Wish,
    find_proposal,
    list_proposals,
    propose,
    vote_on,
    withdraw_proposal,
)
from stateward.state.values import MAX_VALUE_BYTES
from stateward.web.asgi import Answer
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit

MAX_BODY = MAX_VALUE_BYTES + 64 * 1024
STATES = ("open", "committed", "rejected", "withdrawn", "expired")
REQUIRED = {"key", "value", "quorum", "voters"}
MEMBERS = REQUIRED | {"expires_in_seconds", "note", "if_version"}
VOTES: dict[str, VoteName] = {"accept": "accept", "reject": "reject"}


async def post_proposal(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", MAX_BODY)
    wish = parse_wish(document)
    repeat = parse_repeat(asked.request, body)
    flow = propose(asked.actor, asked.call, asked.namespace, wish, repeat=repeat)
    return _decided_answer(await asked.drive(flow))


async def get_proposals(asked: Asked) -> Answer:
    query = asked.request.query(("state", "limit", "cursor"))
    state = query.get("state")
    if state is not None and state not in STATES:
        message = f"the parameter state is not one of {', '.join(STATES)}"
        raise Malformed("There is no such state of a proposal.", errors=(Fault("", message),))
    before = None
    if "cursor" in query:
        try:
            before = UUID(str(decode_cursor(query["cursor"], length=1)[0]))
        except ValueError:
            raise Malformed("The cursor is not one that was given out here.") from None
    page = await asked.drive(
        list_proposals(
            asked.actor, asked.call, asked.namespace,
            state=state, before=before, limit=parse_limit(query.get("limit")),
        )
    )  # fmt: skip
    cursor = encode_cursor([str(page.next_before)]) if page.next_before is not None else None
    items = [proposal_body(proposal) for proposal in page.items]
    return data_answer(200, {"items": items, "next_cursor": cursor})


async def get_proposal(asked: Asked) -> Answer:
    query = asked.request.query(("values",))
    if query.get("values", "true") not in {"true", "false"}:
        message = "the parameter values is not true or false"
        raise Malformed("values is true or false.", errors=(Fault("", message),))
    flow = find_proposal(
        asked.actor, asked.call, asked.namespace, id_in_path(asked.item),
        with_value=query.get("values") != "false",
    )  # fmt: skip
    return data_answer(200, proposal_body(await asked.drive(flow)))


async def delete_proposal(asked: Asked) -> Answer:
    body = await asked.request.body(0)
    flow = withdraw_proposal(
        asked.actor, asked.call, asked.namespace, id_in_path(asked.item),
        repeat=parse_repeat(asked.request, body),
    )  # fmt: skip
    is_replay = await asked.drive(flow)
    return Answer(204, b"", [(b"idempotency-replayed", b"true")] if is_replay else [])


async def post_vote(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", 16 * 1024)
    check_members(document, {"vote"}, required={"vote"})
    vote = VOTES.get(text_member(document, "vote"))
    if vote is None:
        raise unfit("vote", "accept or reject")
    flow = vote_on(
        asked.actor, asked.call, asked.namespace, id_in_path(asked.item), vote,
        repeat=parse_repeat(asked.request, body),
    )  # fmt: skip
    return _decided_answer(await asked.drive(flow))


def parse_wish(document: Any) -> Wish:
    """What is proposed."""
    check_members(document, MEMBERS, required=REQUIRED)
    voters = document["voters"]
    if not isinstance(voters, list) or not 0 < len(voters) <= MAX_VOTERS:
        raise unfit("voters", f"a list of 1 to {MAX_VOTERS} agents or members")
    return Wish(
        key=text_member(document, "key"),
        value=document["value"],
        quorum=whole_member(document, "quorum", least=1, most=len(voters)),
        voters=tuple(_voter(one, number) for number, one in enumerate(voters)),
        expires_in_seconds=seconds_member(
            document, "expires_in_seconds",
            least=0.1, most=MAX_LIFE_SECONDS, default=DEFAULT_LIFE_SECONDS,
        ),
        note=parse_note(document.get("note")),
        if_version=(
            parse_version_member(document, "if_version")
            if document.get("if_version") is not None
            else None
        ),
    )  # fmt: skip


def _voter(one: Any, number: int) -> str:
    """An id or a name, or ``{"type", "id"}`` as answers name principals."""
    if isinstance(one, dict) and one.get("type") in {"agent", "member"}:
        one = f"{one['type']}:{one.get('id')}"
    if not isinstance(one, str) or not 0 < len(one) <= 400 or "\x00" in one:
        raise unfit(f"voters/{number}", "an id or a name of an agent or a member")
    return one


def proposal_body(proposal: Proposal) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": str(proposal.id),
        "namespace": proposal.namespace,
        "key": proposal.key,
        "state": proposal.state,
        "quorum": proposal.quorum,
        "voters": [_voter_body(proposal, voter) for voter in proposal.voters],
        "accepted": proposal.votes_of("accept"),
        "rejected": proposal.votes_of("reject"),
        "proposer": principal_body(proposal.proposer),
        "note": proposal.note,
        "if_version": proposal.if_version,
        "size_bytes": proposal.size_bytes,
        "created_at": rfc3339(proposal.created_at),
        "expires_at": rfc3339(proposal.expires_at),
        "ended_at": rfc3339(proposal.ended_at) if proposal.ended_at is not None else None,
        "version": proposal.version,
    }
    if proposal.data is not None:
        body["value"] = orjson.Fragment(proposal.data)
    return body


def _voter_body(proposal: Proposal, voter: Principal) -> dict[str, Any]:
    vote = proposal.votes.get((voter.type, voter.id))
    return {
        **principal_body(voter),
        "vote": vote.vote if vote is not None else None,
        "at": rfc3339(vote.at) if vote is not None else None,
    }


def _decided_answer(decided: Decided) -> Answer:
    headers = [(b"idempotency-replayed", b"true")] if decided.is_replay else []
    return data_answer(decided.status, proposal_body(decided.proposal), *headers)


ROUTES: Routes = {
    ("proposals",): {"GET": get_proposals, "POST": post_proposal},
    ("proposals", "*"): {"GET": get_proposal, "DELETE": delete_proposal},
    ("proposals", "*", "votes"): {"POST": post_vote},
}
