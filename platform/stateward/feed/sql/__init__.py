"""The feed's functions as they are now.

A migration that changes their text ends with ``install()``: it replaces them all, so a database
always has one version of the whole.
"""

from __future__ import annotations

from pathlib import Path

from stateward.tenancy.rows import APP

FUNCTIONS = "stateward_feed_read, stateward_feed_values"
DROP = f"""
DROP FUNCTION IF EXISTS {FUNCTIONS};
DROP TYPE IF EXISTS stateward_feed_row;
"""


def install() -> str:
    """SQL that replaces the functions and their types."""
    text = (Path(__file__).parent / "log.sql").read_text(encoding="utf-8")
    return f"{DROP}{text}GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {APP};"
