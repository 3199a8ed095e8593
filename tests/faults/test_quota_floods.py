"""F86: one tenant floods; it is refused with 429, its denials are counted together, and other
tenants are served.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import httpx

from tests.contract.parties import Enter, caller, make_namespace
from tests.e2e.shared_stack import SharedStack
from tests.operations.running_stack import eventually
from tests.patience import PATIENCE, in_time

AT_ONCE = 32
FLOOD = 800
ALLOWED = 50
# What is under way when the quota is reached is let through.
OVERSHOT = 4 * AT_ONCE
CALM = 60


async def flood(url: str, key: str, paths: list[str]) -> list[httpx.Response]:
    """Put a value at each of ``paths``, as fast as many at once can."""
    waiting = iter(paths)
    answers: list[httpx.Response] = []
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=PATIENCE,
    ) as http:

        async def send() -> None:
            for path in waiting:
                answers.append(await http.put(path, json={"value": 1}))

        await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    return answers


async def beside(url: str, key: str, paths: list[str]) -> tuple[Counter[int], list[float]]:
    """One call after the other: how they were answered, and how long each took."""
    statuses: Counter[int] = Counter()
    took: list[float] = []
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=PATIENCE,
    ) as http:
        for path in paths:
            began = time.monotonic()
            answer = await http.put(path, json={"value": 1})
            took.append(time.monotonic() - began)
            statuses[answer.status_code] += 1
    return statuses, took


def is_refused(answer: httpx.Response, code: str) -> bool:
    problem: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["instance"] == answer.headers["x-request-id"]
    assert int(answer.headers["retry-after"]) >= 1
    return bool(problem["code"] == code)


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)]


def test_a_flood_ends_at_its_quota_and_others_are_served(
    running_stack: SharedStack, http: httpx.Client, enter: Enter
) -> None:
    name = make_namespace(http)
    body = {"writes_per_day": ALLOWED}
    assert http.put(f"/namespaces/{name}/quota", json=body).status_code == 200
    writer = enter("writer")
    with caller(running_stack.url, running_stack.stranger) as stranger:
        theirs = make_namespace(stranger)
    calm = [f"/namespaces/{theirs}/entries/k{n % 5}" for n in range(CALM)]
    paths = [f"/namespaces/{name}/entries/k{n}" for n in range(FLOOD)]
    url = running_stack.url

    async def run() -> tuple[Any, Any, list[httpx.Response]]:
        quiet = await beside(url, running_stack.stranger, calm)
        answers, others = await asyncio.gather(
            flood(url, writer.api_key, paths), beside(url, running_stack.stranger, calm)
        )
        return quiet, others, answers

    quiet, others, answers = asyncio.run(run())

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {201, 429}
    assert ALLOWED <= statuses[201] <= ALLOWED + OVERSHOT
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(is_refused(answer, "daily_quota_exceeded") for answer in refused)
    entries = http.get(f"/namespaces/{name}/entries", params={"values": "false", "limit": 1000})
    assert len(entries.json()["items"]) == statuses[201]  # what was refused was not done
    assert set(others[0]) <= {200, 201}
    assert in_time(p95(others[1]), 2 * p95(quiet[1]))


def test_a_flood_of_denials_is_one_record_and_their_number(
    running_stack: SharedStack, http: httpx.Client, admin: httpx.Client, enter: Enter
) -> None:
    name = make_namespace(http)
    reader = enter("reader")
    path = f"/namespaces/{name}/entries/k"

    answers = asyncio.run(flood(running_stack.url, reader.api_key, [path] * FLOOD))

    assert {answer.status_code for answer in answers} == {403}

    def denials() -> list[dict[str, Any]]:
        query = {"actor": reader.id, "action": "state.write"}
        answer = admin.get("/audit/records", params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    # The first at once; the others are one more record when their minute is over.
    assert 1 <= len(eventually(denials)) <= 2


def test_a_flood_past_the_rate_is_refused_and_costs_others_nothing(
    running_stack: SharedStack, http: httpx.Client, admin: httpx.Client, enter: Enter
) -> None:
    name = make_namespace(http)
    writer, other = enter("writer"), enter("writer")
    (key,) = admin.get(f"/agents/{writer.id}/credentials").json()["items"]
    limit = {"requests_per_second": 0.01, "burst": 20}
    assert admin.put(f"/credentials/{key['id']}/rate-limit", json=limit).status_code == 200
    eventually(lambda: "ratelimit" in writer.http.get(f"/namespaces/{name}").headers)
    paths = [f"/namespaces/{name}/entries/k{n}" for n in range(400)]

    answers = asyncio.run(flood(running_stack.url, writer.api_key, paths))

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {201, 429}
    assert statuses[201] < 20
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(is_refused(answer, "rate_limited") for answer in refused)
    assert other.http.put(f"/namespaces/{name}/entries/other", json={"value": 1}).is_success
