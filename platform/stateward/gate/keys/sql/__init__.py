"""The functions about keys as they are now, one file.

A migration that changes one of them ends with ``install()``: it replaces them all.
"""

from __future__ import annotations

from pathlib import Path

DROP = """
DROP FUNCTION IF EXISTS stateward_keys, stateward_named_keys, stateward_add_tenant_key,
    stateward_add_data_key, stateward_rotate_data_key, stateward_count_messages,
    stateward_turn_root_key, stateward_retire_root_key, stateward_rewrap_sealing_key;
"""


def install() -> str:
    """SQL that replaces the functions."""
    return DROP + (Path(__file__).parent / "keys.sql").read_text(encoding="utf-8")
