"""The fake server's quotas of namespaces. It knows every write at once, so none is overshot."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from agents_bridge.testing._entries import Answer
from agents_bridge.testing._problems import Refusal, unprocessable
from agents_bridge.testing._requests import Asked
from agents_bridge.testing._store import Space, Store

LIMITS = ("entries", "bytes", "writes_per_day")


def quota(store: Store, asked: Asked, name: str) -> Answer:
    space = store.space(name)
    if asked.method == "PUT":
        given = asked.members(*LIMITS)
        for limit, number in given.items():
            is_number = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and not (is_number and number >= 0):
                raise unprocessable("A number from 0, or null for no limit.", f"/{limit}")
        space.quota = {limit: number for limit, number in given.items() if number is not None}
    used = _used(store, space)
    return Answer(200, {**{limit: space.quota.get(limit) for limit in LIMITS}, "used": used})


def require_room(store: Store, space: Space, key: str, value: Any) -> None:
    """Refuses a write that goes past the namespace's quota."""
    if not space.quota:
        return
    used, limits = _used(store, space), space.quota
    day = limits.get("writes_per_day")
    if day is not None and used["writes_today"] >= day:
        seconds = _until_midnight(store.clock())
        raise Refusal(
            429, "daily_quota_exceeded", f"The namespace may write {day:,} times a day, and has.",
            headers={"Retry-After": str(seconds)},
            quota="writes_per_day", of="namespace", limit=day, used=used["writes_today"],
        )  # fmt: skip
    most = limits.get("bytes")
    if most is not None and used["bytes"] + _size(value) > most:
        detail = f"The namespace may store {most:,} bytes, and this does not fit."
        raise _full(detail, quota="bytes", limit=most, used=used["bytes"])
    count = limits.get("entries")
    is_new = key not in space.keys or not space.keys[key][-1].is_there(store.clock())
    if count is not None and is_new and used["entries"] >= count:
        detail = f"The namespace may hold {count:,} entries, and does."
        raise _full(detail, quota="entries", limit=count)


def _full(detail: str, **members: Any) -> Refusal:
    return Refusal(507, "quota_exceeded", detail, of="namespace", **members)


def _used(store: Store, space: Space) -> dict[str, int]:
    now = store.clock()
    revisions = [one for kept in space.keys.values() for one in kept]
    alive = [kept[-1] for kept in space.keys.values() if kept[-1].is_there(now)]
    return {
        "entries": len(alive),
        "bytes": sum(_size(one.value) for one in (*revisions, *alive) if one.exists),
        "writes_today": sum(
            one.at.date() == now.date() and one.operation != "delete" for one in revisions
        ),
    }


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _until_midnight(moment: datetime) -> int:
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(int((midnight - moment).total_seconds()) + 1, 1)
