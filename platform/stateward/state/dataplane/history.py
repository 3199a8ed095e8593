"""The past over HTTP: a whole namespace as it was, and what an entry was at two moments."""

from __future__ import annotations

from collections.abc import Mapping

from stateward.kernel.errors import Fault, Malformed
from stateward.state import past
from stateward.state.cuts import parse_moment
from stateward.state.dataplane.asked import Asked
from stateward.state.parsing import parse_label
from stateward.state.rendering import data_answer, entry_body
from stateward.web.asgi import Answer
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit


async def list_entries_at(asked: Asked, query: Mapping[str, str], *, with_values: bool) -> Answer:
    """``GET …/entries?as_of=``: pages stay at the cut that the first one named."""
    moment, after = parse_moment(query["as_of"], name="as_of"), ""
    if "cursor" in query:
        key, position = decode_cursor(query["cursor"], length=2)
        if not isinstance(key, str) or not isinstance(position, str):
            raise Malformed("The cursor is not one that was given out here.")
        moment, after = parse_moment(position, name="cursor"), key
    page = await asked.drive(
        past.list_entries_at(
            asked.actor,
            asked.call,
            asked.namespace,
            moment,
            prefix=query.get("prefix", ""),
            labels=parse_label(query.get("label")),
            after=after,
            limit=parse_limit(query.get("limit")),
            with_values=with_values,
        ),
    )
    position = page.cut.position
    following = None if page.next_after is None else encode_cursor([page.next_after, position])
    body = {
        "items": [entry_body(entry, with_value=with_values) for entry in page.entries],
        "lost": page.lost,
        "next_cursor": following,
    }
    return data_answer(200, body, (b"stateward-as-of", position.encode()))


def is_dry_run(asked: Asked) -> bool:
    """``?dry_run=true``."""
    text = asked.request.query(("dry_run",)).get("dry_run", "false")
    if text not in {"true", "false"}:
        raise Malformed(
            "dry_run is true or false.",
            errors=(Fault("", "the parameter dry_run is not true or false"),),
        )
    return text == "true"


async def preview_roll_back(asked: Asked, version: int) -> Answer:
    """``POST …/rollback?dry_run=true``: what it would do, and whether it would be let."""
    found = await asked.drive(
        past.preview_roll_back(asked.actor, asked.call, asked.namespace, asked.item, version)
    )
    body = {
        "dry_run": True,
        "current_version": found.current,
        "version": found.version,
        "patch": found.patch,
        "valid": not found.faults,
        "errors": [fault.as_dict() for fault in found.faults],
        "allowed": found.is_allowed,
        "reason": found.reason,
    }
    return data_answer(200, body)
