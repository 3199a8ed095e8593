"""How many messages each key has sealed, counted without a shared row in the write.

AES-GCM with random nonces takes at most 2^32 messages under one key (NIST SP 800-38D), so a new
version is due at 2^30. Each process counts what it sealed and adds it to the key's row now and
then; what a killed process had not yet added is far less than the factor four between the two.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from uuid import UUID

ROTATE_AT = 1 << 30
LIMIT = 1 << 32


class Counter:
    """One key version's messages: ``counted`` by this process, of them ``added`` to the row."""

    __slots__ = ("added", "ceiling", "counted", "key_id", "tenant_id", "version")

    def __init__(self, tenant_id: UUID, key_id: UUID, version: int) -> None:
        self.tenant_id = tenant_id
        self.key_id = key_id
        self.version = version
        self.counted = 0  # raised without a lock: a lost one in a billion does not matter
        self.added = 0
        self.ceiling = LIMIT

    def know(self, messages: int) -> None:
        """The row says ``messages``; this process may seal so many more."""
        self.ceiling = LIMIT - messages + self.added


@dataclass(frozen=True, slots=True)
class Count:
    """So many messages, to be added to a key's row."""

    counter: Counter
    messages: int


class Messages:
    """What one process has sealed and not yet added to the rows. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[tuple[UUID, int], Counter] = {}

    def counter(self, tenant_id: UUID, key_id: UUID, version: int) -> Counter:
        """The counter of one key version: the same one, however often the keys are loaded."""
        with self._lock:
            found = self._counters.get((key_id, version))
            if found is None:
                found = self._counters[key_id, version] = Counter(tenant_id, key_id, version)
            return found

    def drain(self) -> list[Count]:
        """What is to be added, taken as added; ``put_back`` what could not be."""
        with self._lock:
            waiting = [
                Count(counter, counter.counted - counter.added)
                for counter in self._counters.values()
                if counter.counted > counter.added
            ]
            for count in waiting:
                count.counter.added += count.messages
        return waiting

    def put_back(self, counts: list[Count]) -> None:
        with self._lock:
            for count in counts:
                count.counter.added -= count.messages


MESSAGES = Messages()
