"""A process that adds to a session: ``python session_writer.py URL KEY NAMESPACE SESSION NAME
BATCHES``.
"""

from __future__ import annotations

import asyncio
import sys

from agents_bridge import AsyncClient
from agents_bridge.openai import StatewardSession


async def main(url: str, key: str, namespace: str, session_id: str, name: str, count: str) -> None:
    async with AsyncClient(url, key) as client:
        session = StatewardSession(session_id, client=client, namespace=namespace)
        for batch in range(int(count)):
            await session.add_items(
                [{"role": "user", "content": f"{name} {batch} {part}"} for part in "abc"]
            )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
