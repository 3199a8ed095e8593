"""The data plane: entries over HTTP, parse → one service or query → render. What is not here belongs to the console's process."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from stateward.kernel import strictjson
from stateward.kernel.clock import parse_rfc3339
from stateward.kernel.errors import (
    Fault,
    Malformed,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    StatewardError,
    Unprocessable,
    UnsupportedMediaType,
)
from stateward.kernel.flow import Flow, T
from stateward.state import queries
from stateward.state.callers import Callers
from stateward.state.exceptions import CallerChanged
from stateward.state.judging import record_denial
from stateward.state.rendering import data_answer, entry_answer, entry_body, history_body
from stateward.state.services import entries
from stateward.state.travel import Travel
from stateward.state.values import MAX_VALUE_BYTES
from stateward.tenancy.actors import Actor
from stateward.web.asgi import Answer, Request, path_segments, problem_answer
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit
from stateward.web.metrics import observe

MAX_PUT = MAX_VALUE_BYTES + 64 * 1024
MAX_TTL_SECONDS = 100 * 365 * 86_400
MAX_NOTE = 1000
MAX_LABELS = 32
MAX_IDEMPOTENCY_KEY = 255
PUT_MEMBERS = {"value", "ttl_seconds", "labels", "note"}
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
            if actor is not None:
                await self.drive(actor, record_denial(actor, request.call, error))
        except StatewardError as failure:  # a denial that cannot be recorded is not answered as one
            error = failure
        return problem_answer(error, request.request_id)

    async def drive(self, actor: Actor, flow: Flow[T]) -> T:
        return await self._travel.drive(actor.tenant_id, flow)

    async def get(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        query = request.query(("version", "as_of"))
        if query:
            flow = queries.get_entry_at(actor, request.call, namespace, key, **_past(query))
            return entry_answer(200, await self.drive(actor, flow))
        have = _if_none_match(request)
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
        body, document = await _json_body(request, "application/json", MAX_PUT)
        outcome = await self.drive(
            actor,
            entries.put_entry(
                actor,
                request.call,
                namespace,
                key,
                _put(document),
                conditions=_conditions(request),
                repeat=_repeat(request, body),
            ),
        )
        return _outcome_answer(outcome)

    async def patch(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        media_type = _media_type(request)
        if media_type not in {MERGE_PATCH, JSON_PATCH}:
            raise UnsupportedMediaType(
                f"A patch is {MERGE_PATCH} or {JSON_PATCH}.",
                headers={"Accept-Patch": f"{MERGE_PATCH}, {JSON_PATCH}"},
            )
        body, document = await _json_body(request, media_type, MAX_PUT)
        patch = entries.Patch(document, is_merge=media_type == MERGE_PATCH)
        flow = entries.patch_entry(
            actor,
            request.call,
            namespace,
            key,
            patch,
            conditions=_conditions(request),
            repeat=_repeat(request, body),
        )
        return _outcome_answer(await self.drive(actor, flow))

    async def delete(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        body = await request.body(0)
        flow = entries.delete_entry(
            actor,
            request.call,
            namespace,
            key,
            conditions=_conditions(request),
            repeat=_repeat(request, body),
        )
        return _outcome_answer(await self.drive(actor, flow))

    async def roll_back(self, request: Request, actor: Actor, namespace: str, key: str) -> Answer:
        body, document = await _json_body(request, "application/json", 64 * 1024)
        _members(document, {"version"}, required={"version"})
        version = _version_member(document)
        flow = entries.roll_back_entry(
            actor,
            request.call,
            namespace,
            key,
            version,
            conditions=_conditions(request),
            repeat=_repeat(request, body),
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
                labels=_label(query.get("label")),
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
        before, after = (_version(query[name], name, lowest=0) for name in ("from", "to"))
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


def _media_type(request: Request) -> str:
    return (request.header("content-type") or "").partition(";")[0].strip().lower()


async def _json_body(request: Request, media_type: str, limit: int) -> tuple[bytes, Any]:
    if _media_type(request) != media_type:
        raise UnsupportedMediaType(f"The body here is {media_type}.")
    if request.header("content-encoding") not in {None, "identity"}:
        raise UnsupportedMediaType("The body may not be compressed.")
    body = await request.body(limit)
    return body, strictjson.loads(body)


def _put(document: Any) -> entries.Put:
    _members(document, PUT_MEMBERS, required={"value"})
    return entries.Put(
        value=document["value"],
        ttl_seconds=_ttl(document["ttl_seconds"]) if "ttl_seconds" in document else entries.KEEP,
        labels=_labels(document["labels"]) if "labels" in document else entries.KEEP,
        note=_note(document.get("note")),
    )


def _members(document: Any, known: set[str], *, required: set[str]) -> None:
    if not isinstance(document, dict):
        raise Malformed("The body is a JSON object.", errors=(Fault("", "not an object"),))
    faults = [
        Fault(f"/{_pointer(name)}", "unknown member") for name in document if name not in known
    ]
    faults += [Fault(f"/{name}", "missing") for name in sorted(required - document.keys())]
    if faults:
        raise Malformed(
            "The body's members are not those expected here.", errors=tuple(faults[:50])
        )


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _ttl(value: Any) -> float | None:
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= MAX_TTL_SECONDS
    ):
        raise _unfit("/ttl_seconds", "a number of seconds above 0, or null")
    return float(value)


def _labels(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MAX_LABELS:
        raise _unfit("/labels", f"an object of at most {MAX_LABELS} texts, or null")
    for name, text in value.items():
        if not isinstance(text, str) or not 0 < len(name) <= 63 or len(text) > 255:
            raise _unfit(
                f"/labels/{_pointer(name)}",
                "a text of at most 255 characters under a name of 1 to 63",
            )
    return value


def _note(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > MAX_NOTE):
        raise _unfit("/note", f"a text of at most {MAX_NOTE:,} characters, or null")
    return value


def _version_member(document: Any) -> int:
    version = document["version"]
    if (
        isinstance(version, bool)
        or not isinstance(version, int)
        or not 0 < version < queries.NEWEST
    ):
        raise _unfit("/version", "a version is a whole number from 1")
    return version


def _unfit(pointer: str, message: str) -> StatewardError:
    return Unprocessable(f"{pointer[1:]}: {message}.", errors=(Fault(pointer, message),))


def _version(text: str, name: str, *, lowest: int = 1) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) >= lowest):
        message = f"the parameter {name} is not a version"
        raise Malformed(
            f"{name} is a version, a whole number from {lowest}.", errors=(Fault("", message),)
        )
    return int(text)


def _past(query: Any) -> dict[str, Any]:
    if len(query) > 1:
        raise Malformed(
            "Name either a version or a time.",
            errors=(Fault("", "version and as_of exclude each other"),),
        )
    if "version" in query:
        return {"version": _version(query["version"], "version")}
    return {"as_of": parse_rfc3339(query["as_of"].replace(" ", "+"))}


def _label(text: str | None) -> dict[str, str] | None:
    """``label=name:value``."""
    if text is None:
        return None
    name, colon, value = text.partition(":")
    if not (name and colon):
        raise Malformed(
            "A label is given as name:value.",
            errors=(Fault("", "the parameter label is not name:value"),),
        )
    return {name: value}


def _if_none_match(request: Request) -> int | str | None:
    text = request.header("if-none-match")
    if text is None or text.strip() == "*":
        return text and "*"
    return _etag(text.removeprefix("W/"))


def _conditions(request: Request) -> entries.Conditions:
    """``If-Match: "<version>"`` and ``If-None-Match: *``; 412 for a version that no entry can have."""
    if_match, if_none = request.header("if-match"), request.header("if-none-match")
    if if_none is not None and if_none.strip() != "*":
        raise Malformed(
            "A write takes If-None-Match: *, nothing else.",
            errors=(Fault("", "the header If-None-Match"),),
        )
    if if_match is None:
        return entries.Conditions(None, if_none is not None)
    version = _etag(if_match.strip())
    if version is None:
        raise PreconditionFailed(current_version=None)
    return entries.Conditions(version, if_none is not None)


def _etag(text: str) -> int | None:
    text = text.strip()
    digits = text[1:-1]
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise Malformed(
            'An entity tag is written as "<version>", with the quotes.',
            errors=(Fault("", "not an entity tag"),),
        )
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _repeat(request: Request, body: bytes) -> entries.Repeat | None:
    key = request.header("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY or not key.isascii() or not key.isprintable():
        raise Malformed(
            f"Idempotency-Key is 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters.",
            errors=(Fault("", "the header Idempotency-Key"),),
        )
    parts = (
        request.method.encode(),
        request.scope["raw_path"],
        (request.header("if-match") or "").encode(),
        (request.header("if-none-match") or "").encode(),
        _media_type(request).encode(),
        body,
    )
    return entries.Repeat(key, b"".join(len(part).to_bytes(8, "big") + part for part in parts))
