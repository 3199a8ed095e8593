"""When and from where a credential was last used: noted at most once a minute, written in batches,
never in a hot statement.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from stateward.kernel.flow import Flow, Statement

EVERY_SECONDS = 60
TOUCH = "SELECT stateward_touch_credentials(%s, %s, %s::text[])"


@dataclass(frozen=True, slots=True)
class Use:
    tenant_id: UUID
    credential_id: UUID
    address: str


class Uses:
    """What one process has seen used and not written yet. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[UUID, float] = {}
        self._waiting: dict[UUID, Use] = {}

    def note(self, tenant_id: UUID, credential_id: UUID, address: str) -> None:
        moment = time.monotonic()
        if moment - self._noted.get(credential_id, -EVERY_SECONDS) < EVERY_SECONDS:
            return
        with self._lock:
            self._noted[credential_id] = moment
            self._waiting[credential_id] = Use(tenant_id, credential_id, address)

    def drain(self) -> list[Use]:
        """What waits to be written; the caller writes it with ``touch_credentials``."""
        if not self._waiting:
            return []
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            horizon = time.monotonic() - EVERY_SECONDS
            self._noted = {key: seen for key, seen in self._noted.items() if seen > horizon}
        return list(waiting.values())


def touch_credentials(rows: Iterable[Use]) -> Flow[None]:
    """Write down when and from where these were last used; one statement a tenant, which sets the
    tenant itself.
    """
    by_tenant: dict[UUID, list[Use]] = defaultdict(list)
    for use in rows:
        by_tenant[use.tenant_id].append(use)
    for tenant_id, uses in by_tenant.items():
        uses.sort(
            key=lambda use: use.credential_id
        )  # one order, so that two processes cannot deadlock
        ids = [use.credential_id for use in uses]
        yield Statement(TOUCH, (tenant_id, ids, [use.address or None for use in uses]))
