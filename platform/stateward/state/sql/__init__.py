"""The data plane's functions as they are now, one file each.

A migration that changes a table they speak of, or a function's text, ends with ``install()``: it
replaces them all, so a database always has one version of the whole. PL/pgSQL looks at tables when
a function is called, so an older migration may install a newer text.
"""

from __future__ import annotations

from pathlib import Path

from stateward.tenancy.models import PLATFORM
from stateward.tenancy.rows import APP

FILES = ("write.sql", "transaction.sql", "read.sql", "history.sql", "lease.sql", "proposal.sql")
FUNCTIONS = (
    "stateward_write, stateward_keep_outcomes, stateward_keep_transaction, stateward_read,"
    " stateward_record_reads, stateward_revision_in, stateward_lives, stateward_cut,"
    " stateward_cuts_differ, stateward_cut_at, stateward_lease, stateward_lease_turn,"
    " stateward_proposal"
)
DROP = f"""
DROP FUNCTION IF EXISTS {FUNCTIONS};
DROP TYPE IF EXISTS stateward_write_item, stateward_write_result, stateward_past,
    stateward_lease_item, stateward_lease_result,
    stateward_proposal_item, stateward_proposal_result;
"""


def install() -> str:
    """SQL that replaces the functions and their types."""
    texts = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in FILES]
    return (
        DROP
        + "".join(texts).replace(":platform", f"'{PLATFORM}'")
        + f"GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {APP};"
    )
