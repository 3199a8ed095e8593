"""Every refusal the product can give, as one tree.

StatewardError
├── Malformed 400            ├── Gone 410                 ├── TooManyRequests 429
├── Unauthenticated 401      ├── PreconditionFailed 412   ├── Unavailable 503
├── Forbidden 403            ├── TooLarge 413             └── StorageFull 507
├── NotFound 404             ├── UnsupportedMediaType 415
├── MethodNotAllowed 405     ├── Unprocessable 422
├── NotAcceptable 406        ├── Locked 423
└── Conflict 409             └── PreconditionRequired 428

Each app derives its own in ``exceptions.py``. ``code`` is stable and documented; the class's
docstring is the
sentence a user reads when no better ``detail`` is given. ``web/errors.py`` alone turns them into
HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where (RFC 6901 pointer into the body) and what."""

    pointer: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"pointer": self.pointer, "message": self.message}


class StatewardError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: tuple[Fault, ...] = (),
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.detail = detail or self.sentence()
        self.errors = errors
        self.headers = headers or {}
        self.members = members
        super().__init__(self.detail)

    @classmethod
    def sentence(cls) -> str:
        """The class's own sentence: the first paragraph of its docstring."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


class Malformed(StatewardError):
    """The request is not well formed."""

    code, status, title = "malformed", 400, "Malformed request"


class Unauthenticated(StatewardError):
    """No valid credential was given."""

    code, status, title = "unauthenticated", 401, "Not authenticated"


class Forbidden(StatewardError):
    """The policy in force does not allow this."""

    code, status, title = "forbidden", 403, "Not allowed"


class NotFound(StatewardError):
    """There is nothing here, or nothing you may know of."""

    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(StatewardError):
    """This resource does not answer that method."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"


class NotAcceptable(StatewardError):
    """None of the media types you accept can be given."""

    code, status, title = "not_acceptable", 406, "Not acceptable"


class Conflict(StatewardError):
    """The request conflicts with the present state."""

    code, status, title = "conflict", 409, "Conflict"


class Gone(StatewardError):
    """What was here has been removed for good."""

    code, status, title = "gone", 410, "Gone"


class PreconditionFailed(StatewardError):
    """The version you named is not the current one."""

    code, status, title = "precondition_failed", 412, "Precondition failed"


class TooLarge(StatewardError):
    """The request is larger than what is accepted."""

    code, status, title = "too_large", 413, "Too large"


class UnsupportedMediaType(StatewardError):
    """The body's media type is not one this resource takes."""

    code, status, title = "unsupported_media_type", 415, "Unsupported media type"


class Unprocessable(StatewardError):
    """The request is well formed, but its content breaks a rule."""

    code, status, title = "unprocessable", 422, "Unprocessable content"


def unfit(path: str, message: str) -> Unprocessable:
    """One member that is not acceptable; ``path``: its RFC 6901 pointer, less the first slash."""
    return Unprocessable(f"{path}: {message}.", errors=(Fault(f"/{path}", message),))


class Locked(StatewardError):
    """The key is leased to someone else."""

    code, status, title = "locked", 423, "Locked"


class PreconditionRequired(StatewardError):
    """This namespace takes changes only under a named version (If-Match)."""

    code, status, title = "precondition_required", 428, "Precondition required"


class TooManyRequests(StatewardError):
    """Too many requests; try again later."""

    code, status, title = "too_many_requests", 429, "Too many requests"


class Unavailable(StatewardError):
    """A part this request needs is not available just now; try again shortly."""

    code, status, title = "unavailable", 503, "Unavailable"

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        members.setdefault("headers", {"Retry-After": "1"})
        super().__init__(detail, **members)


class StorageFull(StatewardError):
    """The storage is full; reads still work."""

    code, status, title = "storage_full", 507, "Storage full"
