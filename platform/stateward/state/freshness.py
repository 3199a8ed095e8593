"""How fresh a request's reads must be, and what it came to see.

``strong`` reads the primary. ``session`` may be served by a standby that has all the tokens name;
``eventual`` by any standby that is not too far behind, or from the process's memory. Rules,
principals and keys are those of the primary at every level, at most a second old; what confidential
and restricted namespaces hold is read from the primary at every level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from stateward.gate.sequence.positions import Position, parse_position, parse_positions
from stateward.kernel.errors import Fault, Malformed
from stateward.web.asgi import Request

Level = Literal["strong", "session", "eventual"]
LEVELS = frozenset(("strong", "session", "eventual"))
LEVEL_HEADER = "stateward-consistency"
TOKEN_HEADER = "stateward-consistency-token"  # noqa: S105  # no secret

ASKING = frozenset((LEVEL_HEADER, TOKEN_HEADER))


@dataclass(slots=True)
class Reading:
    """One request's demands, and what its driver noted for the answer."""

    level: Level = "strong"
    positions: tuple[Position, ...] = ()
    is_asked: bool = False  # the caller keeps a session: a read answers a token too
    is_read: bool = False  # nothing was changed, whatever the method
    is_remembered: bool = False  # something came from the process's memory
    at_primary: bool = False  # from here on only there: it never goes back to a standby
    seen: Position | None = None  # on a standby
    written: str | None = None  # the token of the newest write

    def saw(self, token: str) -> None:
        """A standby was read; the next standby must be as new."""
        self.seen = parse_position(token)

    @property
    def demanded(self) -> tuple[Position, ...]:
        return self.positions if self.seen is None else (*self.positions, self.seen)


def parse_reading(request: Request) -> Reading:
    """What the request's headers ask for; 400 for a level or a token there is none of."""
    if not request.says(ASKING):
        return Reading()
    level = request.header(LEVEL_HEADER)
    tokens = request.header(TOKEN_HEADER)
    if level is not None and level not in LEVELS:
        raise _malformed("Stateward-Consistency", "is strong, session or eventual")
    try:
        positions = parse_positions(tokens) if tokens else ()
    except ValueError:
        raise _malformed(
            "Stateward-Consistency-Token", "is not a list of tokens as they are given out here"
        ) from None
    return Reading(
        cast("Level", level or "strong"), positions, is_asked=level in {"strong", "session"}
    )


def _malformed(header: str, what: str) -> Malformed:
    return Malformed(f"The header {header} {what}.", errors=(Fault("", f"{header} {what}"),))
