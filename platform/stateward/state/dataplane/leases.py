"""Leases over HTTP: parse → one service or query → render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Malformed
from stateward.state.dataplane.asked import Asked, Routes
from stateward.state.dataplane.waiting import ring, wait_for_lease
from stateward.state.leases import Lease
from stateward.state.members import id_in_path, seconds_member, text_member
from stateward.state.parsing import check_members, json_body, parse_repeat
from stateward.state.rendering import data_answer, principal_body
from stateward.state.services.leases import (
    MAX_LEASE_SECONDS,
    Granted,
    Listed,
    list_leases,
    release_lease,
    renew_lease,
)
from stateward.web.asgi import Answer
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit

MAX_BODY = 16 * 1024
LEAST_LEASE_SECONDS = 0.1
MAX_WAIT_SECONDS = 60.0


async def post_lease(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", MAX_BODY)
    check_members(document, {"key", "ttl_seconds", "wait_seconds"}, required={"key", "ttl_seconds"})
    granted = await wait_for_lease(
        asked,
        text_member(document, "key"),
        _ttl(document),
        seconds_member(document, "wait_seconds", most=MAX_WAIT_SECONDS),
        parse_repeat(asked.request, body),
    )
    return _granted_answer(granted)


async def patch_lease(asked: Asked) -> Answer:
    body, document = await json_body(asked.request, "application/json", MAX_BODY)
    check_members(document, {"ttl_seconds"}, required={"ttl_seconds"})
    flow = renew_lease(
        asked.actor, asked.call, asked.namespace, id_in_path(asked.item), _ttl(document),
        repeat=parse_repeat(asked.request, body),
    )  # fmt: skip
    return _granted_answer(await asked.drive(flow))


async def delete_lease(asked: Asked) -> Answer:
    body = await asked.request.body(0)
    query = asked.request.query(("reason",))
    flow = release_lease(
        asked.actor, asked.call, asked.namespace, id_in_path(asked.item),
        reason=query.get("reason"), repeat=parse_repeat(asked.request, body),
    )  # fmt: skip
    is_replay = await asked.drive(flow)
    ring(asked.actor.tenant_id, asked.namespace)
    return Answer(204, b"", [(b"idempotency-replayed", b"true")] if is_replay else [])


async def get_leases(asked: Asked) -> Answer:
    query = asked.request.query(("limit", "cursor"))
    after = None
    if "cursor" in query:
        try:
            after = UUID(str(decode_cursor(query["cursor"], length=1)[0]))
        except ValueError:
            raise Malformed("The cursor is not one that was given out here.") from None
    page = await asked.drive(
        list_leases(
            asked.actor, asked.call, asked.namespace,
            after=after, limit=parse_limit(query.get("limit")),
        )
    )  # fmt: skip
    cursor = encode_cursor([str(page.next_after)]) if page.next_after is not None else None
    items = [_listed_body(item) for item in page.items]
    return data_answer(200, {"items": items, "next_cursor": cursor})


def _ttl(document: Any) -> float:
    return seconds_member(
        document, "ttl_seconds", least=LEAST_LEASE_SECONDS, most=MAX_LEASE_SECONDS
    )


def lease_body(lease: Lease) -> dict[str, Any]:
    return {
        "id": str(lease.id),
        "namespace": lease.namespace,
        "key": lease.key,
        "fencing_token": lease.fencing_token,
        "expires_at": rfc3339(lease.expires_at),
        "holder": principal_body(lease.holder),
    }


def _listed_body(item: Listed) -> dict[str, Any]:
    return lease_body(item.lease) | {"waiting": item.waiting}


def _granted_answer(granted: Granted) -> Answer:
    headers = [(b"idempotency-replayed", b"true")] if granted.is_replay else []
    return data_answer(granted.status, lease_body(granted.lease), *headers)


ROUTES: Routes = {
    ("leases",): {"GET": get_leases, "POST": post_lease},
    ("leases", "*"): {"PATCH": patch_lease, "DELETE": delete_lease},
}
