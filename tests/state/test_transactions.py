"""Transactions: all operations or none, judged on locked rows."""

from __future__ import annotations

import asyncio
from typing import Any

from stateward.state.services import entries
from stateward.state.services.transactions import Check, Operation, transact
from tests.factories.state import CALL, World
from tests.state.conftest import Caller


async def post(call: Caller, *operations: dict[str, Any], **headers: str) -> Any:
    import json

    path = f"/api/v1/namespaces/{call.namespace}/transactions"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call.http.post(
        path,
        content=json.dumps({"operations": operations}),
        headers={
            "authorization": f"Bearer {call.key}",
            "content-type": "application/json",
            **named,
        },
    )


async def test_all_operations_happen_at_one_time(call: Caller) -> None:
    await call.put("old", {"n": 1})

    answer = await post(
        call,
        {"op": "put", "key": "new", "value": 1},
        {"op": "patch", "key": "old", "merge_patch": {"n": 2}},
        {"op": "check", "key": "none", "if_absent": True},
    )

    assert answer.status_code == 200, answer.text
    put, patch, check = answer.json()["results"]
    assert (put["status"], put["version"], put["value"]) == (201, 1, 1)
    assert (patch["status"], patch["version"], patch["value"]) == (200, 2, {"n": 2})
    assert (check["status"], check["version"]) == (200, None)
    assert put["updated_at"] == patch["updated_at"]
    assert (await call("GET", "none")).status_code == 404
