"""A webhook: the batch as one signed message (Standard Webhooks)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.sinks.batch import Batch, Sent
from stateward.kernel.clock import now
from stateward.web.webhooks import deliver


def carry(where: Mapping[str, Any], secret: bytes, batch: Batch) -> Sent:
    said = deliver(
        where["url"],
        secrets=[secret],
        message_id=batch.id,
        body=batch.body,
        at=now(),
        content_type=batch.content_type,
    )
    return Sent(
        said.is_taken,
        said.said,
        said.answer,
        is_gone=said.outcome == "gone",
        retry_after=said.retry_after,
    )
