"""What a request to the data plane says, read strictly: each refusal names the place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stateward.kernel import strictjson
from stateward.kernel.clock import parse_rfc3339
from stateward.kernel.errors import (
    Fault,
    Malformed,
    PreconditionFailed,
    UnsupportedMediaType,
    unfit,
)
from stateward.state.queries import NEWEST
from stateward.state.services import entries
from stateward.state.services.changes import NO_CONDITIONS
from stateward.web.asgi import Request

MAX_TTL_SECONDS = 100 * 365 * 86_400
MAX_NOTE = 1000
MAX_LABELS = 32
MAX_IDEMPOTENCY_KEY = 255
CONDITIONAL = frozenset({"if-match", "if-none-match", "stateward-fencing-token"})
PUT_MEMBERS = {"value", "ttl_seconds", "labels", "note"}


def media_type_of(request: Request) -> str:
    return (request.header("content-type") or "").partition(";")[0].strip().lower()


async def json_body(request: Request, media_type: str, limit: int) -> tuple[bytes, Any]:
    if media_type_of(request) != media_type:
        raise UnsupportedMediaType(f"The body here is {media_type}.")
    if request.header("content-encoding") not in {None, "identity"}:
        raise UnsupportedMediaType("The body may not be compressed.")
    body = await request.body(limit)
    return body, strictjson.loads(body)


def parse_put(document: Any) -> entries.Put:
    check_members(document, PUT_MEMBERS, required={"value"})
    return entries.Put(
        value=document["value"],
        ttl_seconds=_ttl(document["ttl_seconds"]) if "ttl_seconds" in document else entries.KEEP,
        labels=_labels(document["labels"]) if "labels" in document else entries.KEEP,
        note=parse_note(document.get("note")),
    )


def parse_action(document: Any) -> entries.Action:
    check_members(document, {"type", "payload", "note"}, required={"type", "payload"})
    if not isinstance(document["type"], str):
        raise unfit("type", "a text")
    return entries.Action(document["type"], document["payload"], parse_note(document.get("note")))


def check_members(document: Any, known: set[str], *, required: set[str]) -> None:
    if not isinstance(document, dict):
        raise Malformed("The body is a JSON object.", errors=(Fault("", "not an object"),))
    if document.keys() <= known and document.keys() >= required:
        return
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
        raise unfit("ttl_seconds", "a number of seconds above 0, or null")
    return float(value)


def _labels(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > MAX_LABELS:
        raise unfit("labels", f"an object of at most {MAX_LABELS} texts, or null")
    for name, text in value.items():
        if not isinstance(text, str) or not 0 < len(name) <= 63 or len(text) > 255:
            raise unfit(
                f"labels/{_pointer(name)}",
                "a text of at most 255 characters under a name of 1 to 63",
            )
    return value


def parse_note(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > MAX_NOTE):
        raise unfit("note", f"a text of at most {MAX_NOTE:,} characters, or null")
    return value


def parse_version_member(document: Any, name: str = "version") -> int:
    version = document[name]
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version < NEWEST:
        raise unfit(f"{name}", "a version is a whole number from 1")
    return version


def parse_version(text: str, name: str, *, lowest: int = 1) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) >= lowest):
        message = f"the parameter {name} is not a version"
        raise Malformed(
            f"{name} is a version, a whole number from {lowest}.", errors=(Fault("", message),)
        )
    return int(text)


def parse_version_or_time(text: str, name: str) -> int | datetime:
    """``3``, or ``2026-11-21T09:42:17Z``."""
    if text.isascii() and text.isdigit():
        return parse_version(text, name, lowest=0)
    return parse_rfc3339(text.replace(" ", "+"))


def parse_past(query: Any) -> dict[str, Any]:
    if len(query) > 1:
        raise Malformed(
            "Name either a version or a time.",
            errors=(Fault("", "version and as_of exclude each other"),),
        )
    if "version" in query:
        return {"version": parse_version(query["version"], "version")}
    return {"as_of": parse_rfc3339(query["as_of"].replace(" ", "+"))}


def parse_label(text: str | None) -> dict[str, str] | None:
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


def parse_if_none_match(request: Request) -> int | str | None:
    text = request.header("if-none-match")
    if text is None or text.strip() == "*":
        return text and "*"
    return _etag(text.removeprefix("W/"))


def parse_conditions(request: Request) -> entries.Conditions:
    """``If-Match: "<version>"`` and ``If-None-Match: *``, the fencing token; 412 for a version no
    entry can have.
    """
    if not request.says(CONDITIONAL):
        return NO_CONDITIONS
    if_match, if_none = request.header("if-match"), request.header("if-none-match")
    if if_none is not None and if_none.strip() != "*":
        raise Malformed(
            "A write takes If-None-Match: *, nothing else.",
            errors=(Fault("", "the header If-None-Match"),),
        )
    token = _fencing_token(request.header("stateward-fencing-token"))
    if if_match is None:
        return entries.Conditions(None, if_none is not None, token)
    version = _etag(if_match.strip())
    if version is None:
        raise PreconditionFailed(current_version=None)
    return entries.Conditions(version, if_none is not None, token)


def _fencing_token(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Malformed(
            "A fencing token is the whole number that came with the lease.",
            errors=(Fault("", "the header Stateward-Fencing-Token"),),
        )
    return int(text)


def _etag(text: str) -> int | None:
    text = text.strip()
    digits = text[1:-1]
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise Malformed(
            'An entity tag is written as "<version>", with the quotes.',
            errors=(Fault("", "not an entity tag"),),
        )
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def parse_known(request: Request) -> int | None:
    """``Stateward-Schema-Version: <number>``: the version of the schema that the caller knows."""
    text = request.header("stateward-schema-version")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise Malformed(
            "A version of a schema is a whole number from 1.",
            errors=(Fault("", "the header Stateward-Schema-Version"),),
        )
    return int(text)


def refuse_known(request: Request) -> None:
    """400 where a version of the schema is named and would not be heeded."""
    if request.header("stateward-schema-version") is not None:
        raise Malformed(
            "Only reading, putting and patching entries takes Stateward-Schema-Version.",
            errors=(Fault("", "the header Stateward-Schema-Version"),),
        )


def parse_repeat(request: Request, body: bytes) -> entries.Repeat | None:
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
        (request.header("stateward-fencing-token") or "").encode(),
        (request.header("stateward-schema-version") or "").encode(),
        media_type_of(request).encode(),
        body,
    )
    return entries.Repeat(key, b"".join(len(part).to_bytes(8, "big") + part for part in parts))
