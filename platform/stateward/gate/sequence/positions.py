"""Consistency tokens: what a caller has written or seen, and whether a standby has come that far.

A token of a write names its transaction, one of a read a place in the log that comes after all the
read could see. Both begin with the timeline: after a failover the same numbers may mean something
else. Not the log's place of a write: known in its statement, it precedes the commit.

A standby is new enough when it says so in a statement BEFORE the read: each transaction named is
committed there, and its replay has passed each place named. It learns its own timeline from the
heartbeat row, which came to it through the log; a token of another timeline is for the primary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

TOKEN = re.compile(r"([wr])([1-9A-F][0-9A-F]{0,7})-([1-9][0-9]{0,18})", re.ASCII)
LARGEST = 2**63 - 1
FIRST_TRANSACTION = 3  # below are PostgreSQL's own
MOST_TOKENS = 256
LONGEST = 8192  # characters of a list of tokens


class Position(NamedTuple):
    """What one token stands for."""

    kind: Literal["w", "r"]  # written: a transaction's id; read: a place in the log, in bytes
    timeline: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind}{self.timeline}-{self.number}"


def parse_position(text: str) -> Position:
    """The position a token names; ValueError for anything that is not a token."""
    found = TOKEN.fullmatch(text)
    number = int(found[3]) if found else 0
    if found is None or number > LARGEST:
        raise ValueError("not a consistency token")
    if found[1] == "w" and number < FIRST_TRANSACTION:
        raise ValueError("not a consistency token")
    return Position("w" if found[1] == "w" else "r", found[2], number)


def parse_positions(text: str) -> tuple[Position, ...]:
    """All positions of tokens joined by commas, each once. ValueError if one is malformed, or they
    are too many.
    """
    if len(text) > LONGEST:
        raise ValueError("too many consistency tokens")
    parts = [part.strip(" ") for part in text.split(",")]
    if len(parts) > MOST_TOKENS:
        raise ValueError("too many consistency tokens")
    return tuple({parse_position(part): None for part in parts})


# The two of the primary, see migration 0003.
TOKEN_NOW = "SELECT stateward_token()"  # noqa: S105  # no secret
POSITION_NOW = "SELECT stateward_position()"
BEAT = "SELECT stateward_beat()"

# Of a server that should be a standby: whether it is one, the timeline it has reached, and how many
# seconds ago the newest heartbeat that it has was written.
STANDING = """
SELECT pg_is_in_recovery(), timeline, extract(epoch FROM clock_timestamp() - at)::float8
FROM stateward_heartbeat
"""

# Whether a standby has come as far as the tokens say, and its timeline. Ids still to come there
# would make pg_xact_status raise; ids too old for it to know are committed, for it was said so.
HAS_REACHED = """
SELECT set_config('stateward.tenant', %(tenant)s, true), h.timeline,
    pg_is_in_recovery() AND h.timeline = ALL (%(timelines)s::text[])
    AND coalesce(pg_last_wal_replay_lsn() - '0/0'::pg_lsn >= %(place)s, false)
    AND NOT EXISTS (SELECT FROM unnest(%(transactions)s::bigint[]) x WHERE NOT CASE
        WHEN x < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        THEN coalesce(pg_xact_status(x::text::xid8), 'committed') = 'committed' ELSE false END)
FROM stateward_heartbeat h
"""

# Of all that a standby shows: what it shows has been replayed.
POSITION_REPLAYED = """
SELECT 'r' || timeline || '-' || (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::text
FROM stateward_heartbeat
"""


def reached(tenant: str, positions: Iterable[Position]) -> dict[str, object]:
    """Parameters of ``HAS_REACHED``."""
    known = tuple(positions)
    return {
        "tenant": tenant,
        "timelines": sorted({position.timeline for position in known}),
        "transactions": [position.number for position in known if position.kind == "w"],
        "place": max((position.number for position in known if position.kind == "r"), default=0),
    }
