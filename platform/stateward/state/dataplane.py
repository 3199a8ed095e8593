"""The data plane: entries over HTTP, parse → one service or query → render. What is not here
belongs to the console's process.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from stateward.kernel.errors import (
    Fault,
    Malformed,
    MethodNotAllowed,
    NotFound,
    StatewardError,
    UnsupportedMediaType,
)
from stateward.kernel.flow import Flow, T
from stateward.state import queries
from stateward.state.callers import Callers
from stateward.state.exceptions import CallerChanged
from stateward.state.judging import record_denial
from stateward.state.parsing import (
    check_members,
    json_body,
    media_type_of,
    parse_conditions,
    parse_if_none_match,
    parse_label,
    parse_past,
    parse_put,
    parse_repeat,
    parse_version,
    parse_version_member,
)
from stateward.state.rendering import data_answer, entry_answer, entry_body, history_body
from stateward.state.services import entries
from stateward.state.travel import Travel
from stateward.state.values import MAX_VALUE_BYTES
from stateward.tenancy.actors import Actor
from stateward.web.asgi import Answer, Request, path_segments, problem_answer
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit
from stateward.web.metrics import observe

MAX_PUT = MAX_VALUE_BYTES + 64 * 1024
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

Handler = Callable[["DataPlane", Request, Actor, str, str], Awaitable[Answer]]


class DataPlane:
    """The routes under ``/api/v1/namespaces/{ns}/entries``."""

    def __init__(self, travel: Travel, callers: Callers) -> None:
        self._travel = travel
        self._callers = callers

    async def answer(self, request: Request) -> Answer:
        """The answer to a request, refusals included."""
        started = time.perf_counter()
        actor: Actor | None = None
        try:
            request.describe()
            namespace, key, handler = _route(request)
            for attempt in (1, 2, 3):
                actor = await self._callers.actor_of(request)
                try:
                    answer = await handler(self, request, actor, namespace, key)
                    break
                except CallerChanged:
                    self._callers.forget(request)
                    if attempt == 3:
                        raise
        except Exception as error:
            answer = await self._refused(request, actor, error)
        observe(
            actor.tenant_id if actor is not None else None,
            method=request.method,
            status=answer.status,
            seconds=time.perf_counter() - started,
        )
        return answer

    async def _refused(self, request: Request, actor: Actor | None, error: Exception) -> Answer:
        try:
            if (who := actor or getattr(error, "actor", None)) is not None:
                await self.drive(who, record_denial(who, request.call, error))
        except StatewardError as failure:  # a denial that cannot be recorded is not answered as one
            error = failure
        return problem_answer(error, request.request_id)

    async def drive(self, actor: Actor, flow: Flow[T]) -> T:
        return await self._travel.drive(actor.tenant_id, flow)

    async def get(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        query = request.query(("version", "as_of"))
        if query:
            flow = queries.get_entry_at(actor, request.call, namespace, key, **parse_past(query))
            return entry_answer(200, await self.drive(actor, flow))
        have = parse_if_none_match(request)
        found = await self.drive(
            actor,
            queries.get_entry(
                actor, request.call, namespace, key, have=have if isinstance(have, int) else None
            ),
        )
        if isinstance(found, queries.Unchanged) or have == "*":
            return Answer(
                304,
                b"",
                [(b"etag", b'"%d"' % found.version), (b"cache-control", b"private, no-cache")],
            )
        return entry_answer(200, found)

    async def put(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        body, document = await json_body(request, "application/json", MAX_PUT)
        outcome = await self.drive(
            actor,
            entries.put_entry(
                actor,
                request.call,
                namespace,
                key,
                parse_put(document),
                conditions=parse_conditions(request),
                repeat=parse_repeat(request, body),
            ),
        )
        return _outcome_answer(outcome)

    async def patch(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        media_type = media_type_of(request)
        if media_type not in {MERGE_PATCH, JSON_PATCH}:
            raise UnsupportedMediaType(
                f"A patch is {MERGE_PATCH} or {JSON_PATCH}.",
                headers={"Accept-Patch": f"{MERGE_PATCH}, {JSON_PATCH}"},
            )
        body, document = await json_body(request, media_type, MAX_PUT)
        patch = entries.Patch(document, is_merge=media_type == MERGE_PATCH)
        flow = entries.patch_entry(
            actor,
            request.call,
            namespace,
            key,
            patch,
            conditions=parse_conditions(request),
            repeat=parse_repeat(request, body),
        )
        return _outcome_answer(await self.drive(actor, flow))

    async def delete(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        body = await request.body(0)
        flow = entries.delete_entry(
            actor,
            request.call,
            namespace,
            key,
            conditions=parse_conditions(request),
            repeat=parse_repeat(request, body),
        )
        return _outcome_answer(await self.drive(actor, flow))

    async def roll_back(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        body, document = await json_body(request, "application/json", 64 * 1024)
        check_members(document, {"version"}, required={"version"})
        version = parse_version_member(document)
        flow = entries.roll_back_entry(
            actor,
            request.call,
            namespace,
            key,
            version,
            conditions=parse_conditions(request),
            repeat=parse_repeat(request, body),
        )
        return _outcome_answer(await self.drive(actor, flow))

    async def list(self, request: Request, actor: Actor, namespace: str, _key: str) -> Answer:
        query = request.query(("prefix", "label", "limit", "cursor", "values"))
        if query.get("values", "true") not in {"true", "false"}:
            raise Malformed(
                "values is true or false.",
                errors=(Fault("", "the parameter values is not true or false"),),
            )
        with_values = query.get("values") != "false"
        after = str(decode_cursor(query["cursor"], length=1)[0] or "") if "cursor" in query else ""
        page = await self.drive(
            actor,
            queries.list_entries(
                actor,
                request.call,
                namespace,
                prefix=query.get("prefix", ""),
                labels=parse_label(query.get("label")),
                after=after,
                limit=parse_limit(query.get("limit")),
                with_values=with_values,
            ),
        )
        cursor = encode_cursor([page.next_after]) if page.next_after is not None else None
        items = [entry_body(entry, with_value=with_values) for entry in page.entries]
        return data_answer(200, {"items": items, "next_cursor": cursor})

    async def revisions(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        query = request.query(("limit", "cursor"))
        before = queries.NEWEST
        if "cursor" in query:
            place = decode_cursor(query["cursor"], length=1)[0]
            if not isinstance(place, int) or not 0 < place <= queries.NEWEST:
                raise Malformed("The cursor is not one that was given out here.")
            before = place
        page = await self.drive(
            actor,
            queries.entry_history(
                actor,
                request.call,
                namespace,
                key,
                before=before,
                limit=parse_limit(query.get("limit")),
            ),
        )
        cursor = encode_cursor([page.next_before]) if page.next_before is not None else None
        return data_answer(
            200, {"items": [history_body(item) for item in page.items], "next_cursor": cursor}
        )

    async def diff(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        query = request.query(("from", "to"))
        if query.keys() != {"from", "to"}:
            raise Malformed(
                "A diff needs from and to, two versions.",
                errors=(Fault("", "from and to are needed"),),
            )
        before, after = (parse_version(query[name], name, lowest=0) for name in ("from", "to"))
        found = await self.drive(
            actor,
            queries.entry_diff(actor, request.call, namespace, key, before=before, after=after),
        )
        return data_answer(200, {"from": found.before, "to": found.after, "patch": found.patch})


ROUTES: dict[tuple[int, str], dict[str, Handler]] = {
    (5, ""): {"GET": DataPlane.list},
    (6, ""): {
        "GET": DataPlane.get,
        "PUT": DataPlane.put,
        "PATCH": DataPlane.patch,
        "DELETE": DataPlane.delete,
    },
    (7, "revisions"): {"GET": DataPlane.revisions},
    (7, "diff"): {"GET": DataPlane.diff},
    (7, "rollback"): {"POST": DataPlane.roll_back},
}


def is_ours(path: bytes) -> bool:
    """Whether a raw path is the data plane's: ``/api/v1/namespaces/{ns}/entries`` and below."""
    return path.startswith(b"/api/v1/namespaces/") and b"/entries" in path


def _route(request: Request) -> tuple[str, str, Handler]:
    segments = path_segments(request.scope)
    if len(segments) < 5 or segments[4] != "entries":
        raise NotFound
    handlers = ROUTES.get((len(segments), segments[6] if len(segments) > 6 else ""))
    if handlers is None:
        raise NotFound
    method = "GET" if request.method == "HEAD" else request.method
    handler = handlers.get(method)
    if handler is None:
        raise MethodNotAllowed(
            headers={
                "Allow": ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else [])}))
            }
        )
    return segments[3], segments[5] if len(segments) > 5 else "", handler


def _outcome_answer(outcome: entries.Outcome) -> Answer:
    headers = [(b"idempotency-replayed", b"true")] if outcome.is_replay else []
    if outcome.entry is None:
        return Answer(outcome.status, b"", headers)
    return entry_answer(outcome.status, outcome.entry, *headers)
