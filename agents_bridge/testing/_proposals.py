"""The fake server's proposals. Only its one caller can vote; other voters may be named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from agents_bridge._wire import rfc3339
from agents_bridge.testing._entries import Answer
from agents_bridge.testing._problems import Refusal, not_found, unprocessable
from agents_bridge.testing._requests import Asked, page
from agents_bridge.testing._store import Preconditions, Store

MEMBERS = ("key", "value", "quorum", "voters", "expires_in_seconds", "note", "if_version")
DAY = 86_400.0
_PARTS_SHOWN_ALONE = ("value", "until")


def proposals(store: Store, asked: Asked, name: str) -> Answer:
    space = store.space(name)
    if asked.method == "GET":
        state = asked.query.get("state")
        found = [_document(store, one) for one in space.proposals[::-1]]
        return Answer(200, page([one for one in found if state in {None, one["state"]}], asked))
    given = asked.members(*MEMBERS, required=("key", "value", "quorum", "voters"))
    voters = given["voters"]
    if not isinstance(voters, list) or not voters:
        raise unprocessable("A list of agents or members.", "/voters")
    quorum = given["quorum"]
    if not isinstance(quorum, int) or not 1 <= quorum <= len(voters):
        raise unprocessable("A number from 1 to that of the voters.", "/quorum")
    now = store.clock()
    until = now + timedelta(seconds=given.get("expires_in_seconds", DAY))
    proposal = {
        "id": str(uuid4()), "namespace": name, "key": given["key"], "state": "open",
        "quorum": quorum, "voters": [_voter(store, one) for one in voters],
        "proposer": store.actor, "note": given.get("note"), "if_version": given.get("if_version"),
        "created_at": rfc3339(now), "expires_at": rfc3339(until), "ended_at": None,
        "version": None, "value": given["value"], "until": until,
    }  # fmt: skip
    space.proposals.append(proposal)
    return Answer(201, _document(store, proposal))


def proposal(store: Store, asked: Asked, name: str, proposal_id: str) -> Answer:
    found = _find(store, name, proposal_id)
    document = _document(store, found)
    if asked.method == "GET":
        if document["state"] == "open" and asked.query.get("values") != "false":
            document["value"] = found["value"]
        return Answer(200, document)
    _require_open(document)
    _end(store, found, "withdrawn")
    return Answer(204)


def vote(store: Store, asked: Asked, name: str, proposal_id: str) -> Answer:
    found = _find(store, name, proposal_id)
    said = asked.members("vote", required=("vote",))["vote"]
    if said not in {"accept", "reject"}:
        raise unprocessable("accept or reject", "/vote")
    _require_open(_document(store, found))
    mine = [one for one in found["voters"] if one["id"] == store.actor["id"]]
    if not mine:
        detail = "Only those whom the proposal names may vote on it."
        raise Refusal(403, "not_a_voter", detail, reason="not_a_voter", decision_id=None)
    before = dict(mine[0])
    mine[0] |= {"vote": said, "at": rfc3339(store.clock())}
    try:
        _settle(store, found)
    except Refusal:
        mine[0] |= {"vote": before["vote"], "at": before["at"]}
        raise
    return Answer(200, _document(store, found))


def _settle(store: Store, found: dict[str, Any]) -> None:
    """What the votes make of it: the value is written, or can no longer be."""
    votes = [one["vote"] for one in found["voters"]]
    if votes.count("accept") >= found["quorum"]:
        demands = Preconditions(if_match=found["if_version"])
        stored, _ = store.write(
            found["namespace"], found["key"], "put", found["value"], demands, note=found["note"]
        )
        found["version"] = stored.version
        _end(store, found, "committed")
    elif len(votes) - votes.count("reject") < found["quorum"]:
        _end(store, found, "rejected")


def _end(store: Store, found: dict[str, Any], state: str) -> None:
    found |= {"state": state, "ended_at": rfc3339(store.clock())}
    store.record("proposal", "allow", namespace=found["namespace"], key=found["key"])


def _document(store: Store, found: dict[str, Any]) -> dict[str, Any]:
    document = {name: found[name] for name in found if name not in _PARTS_SHOWN_ALONE}
    if found["state"] == "open" and found["until"] <= store.clock():
        document |= {"state": "expired", "ended_at": found["expires_at"]}
    votes = [one["vote"] for one in found["voters"]]
    counts = {"accepted": votes.count("accept"), "rejected": votes.count("reject")}
    return {**document, **counts}


def _require_open(document: dict[str, Any]) -> None:
    if document["state"] != "open":
        raise Refusal(409, "proposal_over", "The proposal is no longer open.")


def _find(store: Store, name: str, proposal_id: str) -> dict[str, Any]:
    for one in store.space(name).proposals:
        if one["id"] == proposal_id:
            return one
    raise not_found()


def _voter(store: Store, named: Any) -> dict[str, Any]:
    """Who is named, by id or name; of a name nobody has, an agent is made up."""
    text = str(named.get("id")) if isinstance(named, dict) else str(named)
    if text in {store.actor["id"], store.actor["name"]}:
        known = store.actor
    else:
        known = {"type": "agent", "id": _id_of(text), "name": text}
    return {**known, "vote": None, "at": None}


def _id_of(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, text))
