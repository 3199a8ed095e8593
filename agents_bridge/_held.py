"""A lease as a block of code: taken at its begin, renewed while it runs, given back at its end."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from agents_bridge import _leases
from agents_bridge._entries import entry_path
from agents_bridge._errors import Forbidden, NotFound, StatewardError
from agents_bridge._models import Lease

if TYPE_CHECKING:
    from agents_bridge._client import AsyncClient, Client

RENEWALS = 3  # in the time of one lease: two may fail


class _Holding:
    """What both kinds share."""

    def __init__(
        self, client: Any, namespace: str, key: str, ttl_seconds: float, wait_seconds: float
    ) -> None:
        self._outside = client
        self._place = (namespace, key)
        self._ttl, self._wait = ttl_seconds, wait_seconds
        self._lease: Lease | None = None
        self.lost: StatewardError | None = None
        """Why it could not be renewed; the server refuses what is written under it from then on."""

    @property
    def lease(self) -> Lease:
        """The lease, as it was last renewed."""
        if self._lease is None:
            raise RuntimeError("a lease is held inside its with block")
        return self._lease

    @property
    def fencing_token(self) -> int:
        return self.lease.fencing_token

    def _acquire(self) -> Any:
        return _leases.acquire(
            self._outside.session, *self._place, ttl_seconds=self._ttl, wait_seconds=self._wait
        )

    def _renew(self) -> Any:
        return _leases.renew(
            self._outside.session, self._place[0], self.lease.id, ttl_seconds=self._ttl
        )

    def _release(self) -> Any:
        return _leases.release(self._outside.session, self._place[0], self.lease.id)

    def _fencing(self) -> tuple[str, int]:
        return entry_path(*self._place), self.fencing_token

    @property
    def _pause(self) -> float:
        return self._ttl / RENEWALS


class HeldLease(_Holding):
    """``with client.lease(namespace, key) as held:``; ``held.client`` writes the key under the
    token.
    """

    client: Client

    def __enter__(self) -> Self:
        self._lease = self._outside.run(self._acquire())
        self.client = self._outside._fenced(self._fencing())
        self.entries = self.client.entries
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew_on, daemon=True)
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._renewing.join()
        if self.lost is None:
            with suppress(NotFound):  # it ended a moment ago
                self._outside.run(self._release())

    def _renew_on(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self._lease = self._outside.run(self._renew())
            except (NotFound, Forbidden) as error:
                self.lost = error
                return
            except StatewardError:
                continue  # the next one may go through in time


class AsyncHeldLease(_Holding):
    """``async with client.lease(namespace, key) as held:``; the same."""

    client: AsyncClient

    async def __aenter__(self) -> Self:
        self._lease = await self._outside.run(self._acquire())
        self.client = self._outside._fenced(self._fencing())
        self.entries = self.client.entries
        self._renewing = asyncio.create_task(self._renew_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._renewing.cancel()
        with suppress(asyncio.CancelledError):
            await self._renewing
        if self.lost is None:
            with suppress(NotFound):
                await self._outside.run(self._release())

    async def _renew_on(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                self._lease = await self._outside.run(self._renew())
            except (NotFound, Forbidden) as error:
                self.lost = error
                return
            except StatewardError:
                continue
