"""What a process counted in memory and writes down in batches: uses of credentials, messages under
keys, reads, metrics.
"""

from __future__ import annotations

from stateward.gate.audit.denials import flush_denials
from stateward.gate.audit.reads import flush_reads
from stateward.gate.keys.services import add_messages
from stateward.state.travel import Travel
from stateward.state.usage import add_usage
from stateward.tenancy.usage import Uses, touch_credentials
from stateward.web.metrics import add_metrics


async def flush_everything(travel: Travel, uses: Uses, *, is_last: bool = False) -> None:
    """Write down what waits. Each kind keeps what could not be written for the next time."""
    if waiting := uses.drain():
        await travel.drive(None, touch_credentials(waiting))
    await travel.drive(None, add_messages())
    await travel.drive(None, flush_reads())
    await travel.drive(None, add_metrics())
    await travel.drive(None, add_usage())
    await travel.drive(None, flush_denials(everything=is_last))
