"""The fake server's namespaces as they were: a cut is so many changes of all there were."""

from __future__ import annotations

from datetime import datetime

from agents_bridge.testing._problems import malformed
from agents_bridge.testing._requests import Asked, cursor_at, position_of
from agents_bridge.testing._store import Store, Stored


def cut_of(store: Store, asked: Asked) -> int | None:
    """The cut that ``as_of`` names, as a time or as the position an answer told; None without."""
    text = asked.query.get("as_of")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if not text or (cut := position_of(text)) > len(store.log):
            raise malformed("as_of takes an RFC 3339 time, or a position.") from None
        return cut
    if moment.tzinfo is None:
        raise malformed("as_of takes a time with its zone.")
    return sum(stored.at <= moment for _, _, stored in store.log)


def position(cut: int) -> str:
    """A cut as answers tell it."""
    return cursor_at(cut)


def entries_at(store: Store, name: str, cut: int) -> dict[str, Stored]:
    """What had a value at the cut, by key in order."""
    space = store.space(name)
    newest: dict[str, Stored] = {}
    for place, key, stored in store.log[:cut]:
        # A namespace of this name that is gone was another one.
        if place == name and any(stored is one for one in space.keys.get(key, [])):
            newest[key] = stored
    at = store.log[cut - 1][2].at if cut else None
    return {
        key: newest[key] for key in sorted(newest) if at is not None and newest[key].is_there(at)
    }
