"""Entries over HTTP: parse → one service or query → render."""

from __future__ import annotations

from stateward.kernel.errors import Fault, Malformed, UnsupportedMediaType
from stateward.state import queries
from stateward.state.dataplane.agreeing import or_wait, waits
from stateward.state.dataplane.asked import Asked, Routes
from stateward.state.dataplane.history import is_dry_run, list_entries_at, preview_roll_back
from stateward.state.parsing import (
    check_members,
    json_body,
    media_type_of,
    parse_action,
    parse_conditions,
    parse_if_none_match,
    parse_known,
    parse_label,
    parse_past,
    parse_put,
    parse_repeat,
    parse_version_member,
    parse_version_or_time,
    refuse_known,
)
from stateward.state.pending.holding import Kept
from stateward.state.rendering import data_answer, entry_answer, entry_body, history_body
from stateward.state.services import entries
from stateward.state.values import MAX_VALUE_BYTES
from stateward.web.asgi import Answer
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit

MAX_PUT = MAX_VALUE_BYTES + 64 * 1024
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


async def get_entry(asked: Asked) -> Answer:
    query = asked.request.query(("version", "as_of"))
    if query:
        flow = queries.get_entry_at(
            asked.actor,
            asked.call,
            asked.namespace,
            asked.item,
            known=parse_known(asked.request),
            **parse_past(query),
        )
        return entry_answer(200, await asked.drive(flow))
    have = parse_if_none_match(asked.request)
    found = await asked.drive(
        queries.get_entry(
            asked.actor,
            asked.call,
            asked.namespace,
            asked.item,
            have=have if isinstance(have, int) else None,
            known=parse_known(asked.request),
        ),
    )
    if isinstance(found, queries.Unchanged) or have == "*":
        return Answer(
            304,
            b"",
            [(b"etag", b'"%d"' % found.version), (b"cache-control", b"private, no-cache")],
        )
    return entry_answer(200, found)


async def put_entry(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", MAX_PUT)
    put, conditions = parse_put(document), parse_conditions(asked.request)
    repeat = parse_repeat(asked.request, body)
    flow = entries.put_entry(
        asked.actor,
        asked.call,
        asked.namespace,
        asked.item,
        put,
        conditions=conditions,
        repeat=repeat,
        known=parse_known(asked.request),
    )
    return _outcome_answer(await or_wait(asked, put, conditions, repeat, flow))


async def patch_entry(asked: Asked) -> Answer:
    media_type = media_type_of(asked.request)
    if media_type not in {MERGE_PATCH, JSON_PATCH}:
        raise UnsupportedMediaType(
            f"A patch is {MERGE_PATCH} or {JSON_PATCH}.",
            headers={"Accept-Patch": f"{MERGE_PATCH}, {JSON_PATCH}"},
        )
    body, document = await json_body(asked.request, media_type, MAX_PUT)
    patch = entries.Patch(document, is_merge=media_type == MERGE_PATCH)
    conditions, repeat = parse_conditions(asked.request), parse_repeat(asked.request, body)
    flow = entries.patch_entry(
        asked.actor,
        asked.call,
        asked.namespace,
        asked.item,
        patch,
        conditions=conditions,
        repeat=repeat,
        known=parse_known(asked.request),
    )
    return _outcome_answer(await or_wait(asked, patch, conditions, repeat, flow))


async def delete_entry(asked: Asked) -> Answer:
    body = await asked.request.body(0)
    conditions, repeat = parse_conditions(asked.request), parse_repeat(asked.request, body)
    flow = entries.delete_entry(
        asked.actor,
        asked.call,
        asked.namespace,
        asked.item,
        conditions=conditions,
        repeat=repeat,
    )
    return _outcome_answer(await or_wait(asked, entries.Delete(), conditions, repeat, flow))


async def act_on_entry(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", MAX_PUT)
    action, conditions = parse_action(document), parse_conditions(asked.request)
    repeat = parse_repeat(asked.request, body)
    flow = entries.act_on_entry(
        asked.actor,
        asked.call,
        asked.namespace,
        asked.item,
        action,
        conditions=conditions,
        repeat=repeat,
    )
    return _outcome_answer(await or_wait(asked, action, conditions, repeat, flow))


async def roll_back_entry(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", 64 * 1024)
    check_members(document, {"version"}, required={"version"})
    version = parse_version_member(document)
    if is_dry_run(asked):
        return await preview_roll_back(asked, version)
    conditions, repeat = parse_conditions(asked.request), parse_repeat(asked.request, body)
    flow = entries.roll_back_entry(
        asked.actor,
        asked.call,
        asked.namespace,
        asked.item,
        version,
        conditions=conditions,
        repeat=repeat,
    )
    change = entries.RollBack(version)
    return _outcome_answer(await or_wait(asked, change, conditions, repeat, flow))


async def list_entries(asked: Asked) -> Answer:
    query = asked.request.query(("prefix", "label", "limit", "cursor", "values", "as_of"))
    if query.get("values", "true") not in {"true", "false"}:
        raise Malformed(
            "values is true or false.",
            errors=(Fault("", "the parameter values is not true or false"),),
        )
    with_values = query.get("values") != "false"
    if "as_of" in query:
        refuse_known(asked.request)
        return await list_entries_at(asked, query, with_values=with_values)
    after = str(decode_cursor(query["cursor"], length=1)[0] or "") if "cursor" in query else ""
    page = await asked.drive(
        queries.list_entries(
            asked.actor,
            asked.call,
            asked.namespace,
            prefix=query.get("prefix", ""),
            labels=parse_label(query.get("label")),
            after=after,
            limit=parse_limit(query.get("limit")),
            with_values=with_values,
            known=parse_known(asked.request),
        ),
    )
    cursor = encode_cursor([page.next_after]) if page.next_after is not None else None
    items = [entry_body(entry, with_value=with_values) for entry in page.entries]
    return data_answer(200, {"items": items, "next_cursor": cursor})


async def entry_revisions(asked: Asked) -> Answer:
    query = asked.request.query(("limit", "cursor"))
    before = queries.NEWEST
    if "cursor" in query:
        place = decode_cursor(query["cursor"], length=1)[0]
        if not isinstance(place, int) or not 0 < place <= queries.NEWEST:
            raise Malformed("The cursor is not one that was given out here.")
        before = place
    page = await asked.drive(
        queries.entry_history(
            asked.actor,
            asked.call,
            asked.namespace,
            asked.item,
            before=before,
            limit=parse_limit(query.get("limit")),
        ),
    )
    cursor = encode_cursor([page.next_before]) if page.next_before is not None else None
    return data_answer(
        200, {"items": [history_body(item) for item in page.items], "next_cursor": cursor}
    )


async def entry_diff(asked: Asked) -> Answer:
    query = asked.request.query(("from", "to"))
    if query.keys() != {"from", "to"}:
        raise Malformed(
            "A diff needs from and to, two versions or times.",
            errors=(Fault("", "from and to are needed"),),
        )
    before, after = (parse_version_or_time(query[name], name) for name in ("from", "to"))
    found = await asked.drive(
        queries.entry_diff(
            asked.actor, asked.call, asked.namespace, asked.item, before=before, after=after
        ),
    )
    return data_answer(200, {"from": found.before, "to": found.after, "patch": found.patch})


def _outcome_answer(outcome: entries.Outcome | Kept) -> Answer:
    if isinstance(outcome, Kept):
        return waits(outcome)
    headers = [(b"idempotency-replayed", b"true")] if outcome.is_replay else []
    if outcome.entry is None:
        return Answer(outcome.status, b"", headers)
    return entry_answer(outcome.status, outcome.entry, *headers)


KNOWING = frozenset({get_entry, list_entries, put_entry, patch_entry})  # heed a schema's version

ROUTES: Routes = {
    ("entries",): {"GET": list_entries},
    ("entries", "*"): {
        "GET": get_entry,
        "PUT": put_entry,
        "PATCH": patch_entry,
        "DELETE": delete_entry,
    },
    ("entries", "*", "revisions"): {"GET": entry_revisions},
    ("entries", "*", "diff"): {"GET": entry_diff},
    ("entries", "*", "actions"): {"POST": act_on_entry},
    ("entries", "*", "rollback"): {"POST": roll_back_entry},
}
