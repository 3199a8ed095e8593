"""Everything that can go wrong, as one tree; catch as wide or as narrow as you can act on.

StatewardError
├── InvalidKey (also a ValueError)      a key or name that no server would take; nothing was sent
├── NotConfigured                       no address or no API key was given
├── WritePending                        others have to agree first; .pending, .location
├── TransportFailure                    no answer came back, after all retries
│   ├── ConnectionFailed
│   ├── TimedOut
│   └── UnexpectedResponse              an answer came, but not one of a Stateward server
└── ApiError                            the server refused, and said why
    ├── Malformed 400
    ├── Unauthenticated 401
    ├── Forbidden 403                   .decision_id, .reason
    ├── NotFound 404
    ├── MethodNotAllowed 405
    ├── NotAcceptable 406
    ├── Conflict 409
    │   ├── UseActions                  the namespace changes only through actions
    │   ├── UnderHold                   a hold keeps this from being removed
    │   ├── ActionConflict              the action does not fit the value as it is
    │   ├── MergeConflict               .conflicts, .current_version
    │   ├── NamespaceExists
    │   └── Contended                   too many writers at once on one key
    ├── Gone 410
    ├── PreconditionFailed 412          .current_version
    ├── TooLarge 413
    ├── UnsupportedMediaType 415
    ├── Unprocessable 422               .errors, each with a pointer
    │   ├── SchemaViolation             the value breaks the namespace's schema
    │   └── IdempotencyKeyReused        another request was made under this key
    ├── Locked 423
    ├── PreconditionRequired 428
    ├── TooManyRequests 429             .retry_after
    └── ServerError 5xx
        ├── Unavailable 503             .retry_after
        └── StorageFull 507

Names and codes are the server's. An answer with a status that is not in the tree is the nearest
class above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was sent: an RFC 6901 pointer into the request's body, and a
    sentence.
    """

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '(body)'}: {self.message}"


class StatewardError(Exception):
    """Something about a call to Stateward went wrong."""


class InvalidKey(StatewardError, ValueError):
    """A key is 1 to 512 characters without "/" and control characters, and neither "." nor ".."."""


class NotConfigured(StatewardError):
    """No address or no API key: pass them, or set STATEWARD_URL and STATEWARD_API_KEY."""


class WritePending(StatewardError):
    """The write was taken, and waits until other people agree to it. ``pending`` is its id, and
    ``location`` where to ask how it stands. Under the same idempotency key it is the same one.
    """

    def __init__(self, pending: str, location: str) -> None:
        self.pending = pending
        self.location = location
        super().__init__(f"Other people have to agree to this write first; it is {location}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.pending, self.location)


class TransportFailure(StatewardError):
    """No usable answer came back. Whether a write happened is not known; sent again with the same
    key it is safe.
    """


class ConnectionFailed(TransportFailure):
    """The server could not be reached, or hung up."""


class TimedOut(TransportFailure):
    """The server did not answer in time."""


class UnexpectedResponse(TransportFailure):
    """What answered does not look like a Stateward server."""


class ApiError(StatewardError):
    """The server refused. What it said is in the attributes; ``problem`` is its whole problem
    document.
    """

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[Fault, ...]
    request_id: str | None
    retry_after: float | None
    problem: Mapping[str, Any]

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code") or f"http_{status}")
        self.title = str(problem.get("title") or type(self).__name__)
        self.detail = str(problem.get("detail") or (type(self).__doc__ or "").split("\n")[0])
        self.errors = _faults(problem.get("errors"))
        self.request_id = _text(problem.get("instance"))
        self.retry_after = retry_after
        super().__init__(self.detail)

    def __str__(self) -> str:
        lines = [f"{self.detail} [{self.status} {self.code}]"]
        lines += [f"  {fault}" for fault in self.errors]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.status, dict(self.problem), self.retry_after)


class Malformed(ApiError):
    """The request is not well formed."""


class Unauthenticated(ApiError):
    """The credential is missing, unknown, expired or revoked."""


class Forbidden(ApiError):
    """The policy in force does not allow this."""

    @property
    def decision_id(self) -> str | None:
        """The recorded decision; ``audit`` and the console find it by this."""
        return _text(self.problem.get("decision_id"))

    @property
    def reason(self) -> str | None:
        """Why, in the words of the decision: ``deny_forbid``, ``deny_no_match`` …"""
        return _text(self.problem.get("reason"))


class NotFound(ApiError):
    """There is nothing here, or nothing you may know of."""


class MethodNotAllowed(ApiError):
    """This resource does not answer that method."""


class NotAcceptable(ApiError):
    """None of the media types asked for can be given."""


class Conflict(ApiError):
    """The request conflicts with the present state."""


class UseActions(Conflict):
    """This namespace changes only through actions."""


class UnderHold(Conflict):
    """A hold keeps this from being removed."""


class ActionConflict(Conflict):
    """The action does not fit the value as it is: a task that is done, a value of another kind."""


class MergeConflict(Conflict):
    """Both sides changed the same place since the version you named."""

    @property
    def current_version(self) -> int | None:
        """The version the entry has now: merge with it, and write on it."""
        version = self.problem.get("current_version")
        return version if isinstance(version, int) else None

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Pointers to the places that both sides changed."""
        return tuple(str(place) for place in self.problem.get("conflicts") or ())


class NamespaceExists(Conflict):
    """A namespace of this name exists already."""


class Contended(Conflict):
    """Too many writers changed this key at once; try again."""


class Gone(ApiError):
    """What was here has been removed for good."""


class PreconditionFailed(ApiError):
    """The version you named is not the current one."""

    @property
    def current_version(self) -> int | None:
        """The version the entry has now; None when there is no entry."""
        version = self.problem.get("current_version")
        return version if isinstance(version, int) else None


class TooLarge(ApiError):
    """The request is larger than what is accepted."""


class UnsupportedMediaType(ApiError):
    """The body's media type is not one this resource takes."""


class Unprocessable(ApiError):
    """The request is well formed, but its content breaks a rule; ``errors`` points to each
    place.
    """


class SchemaViolation(Unprocessable):
    """The value breaks the namespace's schema; ``errors`` points to each place."""


class IdempotencyKeyReused(Unprocessable):
    """This idempotency key was used for another request."""


class Locked(ApiError):
    """The key is leased to someone else."""


class PreconditionRequired(ApiError):
    """This namespace takes changes only under a named version: pass ``if_match``, or use
    ``update``.
    """


class TooManyRequests(ApiError):
    """Too many requests; ``retry_after`` says how many seconds to wait."""


class ServerError(ApiError):
    """The server failed; the request id helps its operator to find out why."""


class Unavailable(ServerError):
    """A part this request needs is not available just now."""


class StorageFull(ServerError):
    """The server's storage is full; reads still work."""


_BY_CODE: Mapping[str, type[ApiError]] = {
    "use_actions": UseActions,
    "under_hold": UnderHold,
    "action_conflict": ActionConflict,
    "merge_conflict": MergeConflict,
    "namespace_exists": NamespaceExists,
    "contended": Contended,
    "schema_violation": SchemaViolation,
    "idempotency_key_reused": IdempotencyKeyReused,
}

_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    413: TooLarge,
    415: UnsupportedMediaType,
    422: Unprocessable,
    423: Locked,
    428: PreconditionRequired,
    429: TooManyRequests,
    503: Unavailable,
    507: StorageFull,
}


def api_error(
    status: int, problem: Mapping[str, Any], *, retry_after: float | None = None
) -> ApiError:
    """The error for one problem document (RFC 9457); an empty mapping where the body was not
    one.
    """
    general = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    kind = _BY_CODE.get(str(problem.get("code") or ""), general)
    return kind(status, problem, retry_after=retry_after)


def _rebuild(
    kind: type[ApiError], status: int, problem: Mapping[str, Any], retry_after: float | None
) -> ApiError:
    return kind(status, problem, retry_after=retry_after)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _faults(value: object) -> tuple[Fault, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        Fault(str(item.get("pointer", "")), str(item.get("message", "")))
        for item in value
        if isinstance(item, dict)
    )
