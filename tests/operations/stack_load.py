"""Writers that do not give up, and the judge of what they were promised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.patience import PATIENCE


@dataclass
class Load:
    """``total`` writes of few keys by many at once, each under an idempotency key of its own and
    sent again until it is acknowledged. ``wounds`` are dealt when so many have been.
    """

    url: str
    key: str
    namespace: str
    total: int
    wounds: dict[int, Callable[[], None]]
    keys: int = 20
    writers: int = 16
    acknowledged: list[tuple[str, int, int]] = field(default_factory=list)  # key, number, version
    at: list[float] = field(default_factory=list)  # when each was acknowledged
    strange: list[str] = field(
        default_factory=list
    )  # answers that promise nothing and explain nothing

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        numbers = iter(range(self.total))
        async with httpx.AsyncClient(
            base_url=f"{self.url}/api/v1/namespaces/{self.namespace}/entries",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=10,
        ) as client:
            await asyncio.gather(*(self._writer(client, numbers) for _ in range(self.writers)))

    async def _writer(self, client: httpx.AsyncClient, numbers: Any) -> None:
        for number in numbers:
            key = f"k{number % self.keys}"
            version = await self._until_acknowledged(client, key, number)
            self.acknowledged.append((key, number, version))
            self.at.append(time.monotonic())
            wound = self.wounds.pop(len(self.acknowledged), None)
            if wound is not None:
                wound()

    async def _until_acknowledged(self, client: httpx.AsyncClient, key: str, number: int) -> int:
        headers = {"Idempotency-Key": str(uuid4())}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = await client.put(f"/{key}", json={"value": number}, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if answer.is_success:
                return int(answer.json()["version"])
            problem = answer.headers["content-type"] == "application/problem+json"
            if not problem or answer.status_code not in {409, 503} or not answer.json()["instance"]:
                self.strange.append(f"{answer.status_code}: {answer.text[:300]}")
            await asyncio.sleep(0.05)
        raise AssertionError(f"write {number} was not acknowledged within {PATIENCE} s")

    def promised(self) -> list[tuple[str, int]]:
        """(key, version) of what was acknowledged, in order."""
        return sorted((key, version) for key, _, version in self.acknowledged)

    def longest_silence(self) -> float:
        """Seconds between two acknowledged writes."""
        return max(after - before for before, after in zip(self.at, self.at[1:], strict=False))

    def judge(self, client: httpx.Client) -> None:
        """Nothing acknowledged is lost, nothing is there twice, no version is missing."""
        assert self.strange == []
        assert len(self.acknowledged) == self.total
        for key in {key for key, _, _ in self.acknowledged}:
            mine = {version: number for name, number, version in self.acknowledged if name == key}
            page = client.get(f"/namespaces/{self.namespace}/entries/{key}/revisions?limit=100")
            history = [item["version"] for item in page.json()["items"]]
            assert history == sorted(mine, reverse=True) == list(range(len(mine), 0, -1))
            for version, number in mine.items():
                answer = client.get(
                    f"/namespaces/{self.namespace}/entries/{key}", params={"version": version}
                )
                assert answer.json()["value"] == number
