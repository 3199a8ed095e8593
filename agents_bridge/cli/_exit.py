"""What the command's exit codes mean. Documented in docs/developers.md; scripts rely on them."""

from __future__ import annotations

from enum import IntEnum

from agents_bridge import _errors as errors


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    DENIED = 5
    UNAVAILABLE = 6


_CODES: tuple[tuple[tuple[type[Exception], ...], Exit], ...] = (
    ((errors.InvalidKey, errors.NotConfigured), Exit.USAGE),
    ((errors.NotFound, errors.Gone), Exit.NOT_FOUND),
    (
        (
            errors.Conflict,
            errors.PreconditionFailed,
            errors.PreconditionRequired,
            errors.Locked,
        ),
        Exit.CONFLICT,
    ),
    ((errors.Unauthenticated, errors.Forbidden), Exit.DENIED),
    ((errors.TransportFailure, errors.ServerError, errors.TooManyRequests), Exit.UNAVAILABLE),
)


def exit_code(error: Exception) -> Exit:
    """The code for an error; what is in no other class has simply failed."""
    for kinds, code in _CODES:
        if isinstance(error, kinds):
            return code
    return Exit.FAILED
