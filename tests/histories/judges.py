"""Whether a recorded history can be what an honest server did. Each judge answers what is wrong.

Keys have versions, so a history is judged in one pass: a write stands where its revision stands, a
read where the version stands that it saw. What remains is to hold that order against the clock: of
two calls of which one ended before the other began, the later one saw no less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.histories.recorded import Event, Revisions

Judge = Callable[[Sequence[Event], Revisions], list[str]]


class Seen(NamedTuple):
    """A call that is known to have stood at a version of a key."""

    invoked: float
    ended: float
    version: int
    is_write: bool


def registers(events: Sequence[Event], revisions: Revisions) -> list[str]:
    """Versioned and last-write-wins: every acknowledged write once, none refused, in real time's
    order.
    """
    return [
        *gapless(revisions),
        *once_each(events, revisions, lambda value: [value["id"]]),
        *answered_as_kept(events, revisions),
        *in_real_time(events),
    ]


def transactions(events: Sequence[Event], revisions: Revisions) -> list[str]:
    """Atomic: all keys of a transaction or none, at one time; a read of many sees no half of
    one.
    """
    return [*gapless(revisions), *whole(events, revisions), *never_half_seen(events)]


def counters(events: Sequence[Event], revisions: Revisions) -> list[str]:
    """The end is what was acknowledged, and some of what nobody knows; each read lies between what
    had ended before it and what had begun before its end.
    """
    wrong = gapless(revisions)
    for key, kept in revisions.items():
        adds = [event for event in events if event.kind == "act" and event.keys == (key,)]
        end = kept[-1].value
        if not _sum(adds, "ok") <= end <= _sum(adds, "ok") + _sum(adds, "unknown"):
            wrong.append(f"{key} ends at {end}, acknowledged were {_sum(adds, 'ok')}")
        for event in events:
            if event.kind != "read" or event.keys != (key,) or event.outcome != "ok":
                continue
            least = sum(a.sent for a in adds if a.outcome == "ok" and a.ended < event.invoked)
            most = sum(a.sent for a in adds if a.outcome != "fail" and a.invoked < event.ended)
            if not least <= event.answer["value"] <= most:
                wrong.append(f"{key} was read as {event.answer['value']}, not {least} to {most}")
    return wrong


def lists(events: Sequence[Event], revisions: Revisions) -> list[str]:
    """Append: each acknowledged item once, in real time's order; others at most once."""
    wrong = gapless(revisions)
    for key, kept in revisions.items():
        end: list[Any] = kept[-1].value
        place = {item: position for position, item in enumerate(end)}
        acts = [event for event in events if event.kind == "act" and event.keys == (key,)]
        wrong += [f"{key} holds {item} {n} times" for item, n in Counter(end).items() if n > 1]
        for event in acts:
            if (event.sent in place) != (event.outcome == "ok") and event.outcome != "unknown":
                wrong.append(
                    f"{key}: {event.sent} is {event.outcome}, in it: {event.sent in place}"
                )
        done = [Seen(a.invoked, a.ended, place.get(a.sent, -1), True) for a in acts
                if a.outcome == "ok"]  # fmt: skip
        wrong += _order(key, done)
    return wrong


def members(events: Sequence[Event], revisions: Revisions) -> list[str]:
    """Merge: each client changes a member of its own, and none of its changes is undone by
    another's.
    """
    wrong = gapless(revisions)
    for key, kept in revisions.items():
        end = kept[-1].value
        writes = [event for event in events if event.kind == "write" and event.keys == (key,)]
        for client in {event.client for event in writes}:
            mine = [event for event in writes if event.client == client]
            known = [number for number, event in enumerate(mine) if event.outcome == "ok"]
            if not known:
                continue
            since = mine[known[-1] + 1 :]
            possible = {mine[known[-1]].sent, *(e.sent for e in since if e.outcome == "unknown")}
            # One that nobody knew of may have come late, after what was acknowledged since.
            possible |= {event.sent for event in mine if event.outcome == "unknown"}
            if end.get(f"c{client}") not in possible:
                wrong.append(f"{key}: of client {client} remains {end.get(f'c{client}')}")
    return wrong


def gapless(revisions: Revisions) -> list[str]:
    """Versions from 1 without a gap or a double, in rising times."""
    wrong = []
    for key, kept in revisions.items():
        versions = [revision.version for revision in kept]
        if versions != list(range(1, len(kept) + 1)):
            wrong.append(f"{key} has the versions {versions}")
        times = [revision.at for revision in kept]
        if times != sorted(set(times)):
            wrong.append(f"{key} has revisions whose times do not rise")
    return wrong


def once_each(
    events: Sequence[Event], revisions: Revisions, ids_of: Callable[[Any], Iterable[Any]]
) -> Iterator[str]:
    """Acknowledged writes are in the history once, refused ones never, others at most once."""
    found = Counter(
        (key, name) for key, kept in revisions.items() for one in kept for name in ids_of(one.value)
    )
    for event in events:
        if event.kind != "write":
            continue
        times = found[event.keys[0], event.sent]
        allowed = {"ok": {1}, "fail": {0}, "unknown": {0, 1}}[event.outcome]
        if times not in allowed:
            yield f"{event.outcome} write {event.sent} of {event.keys[0]} is there {times} times"


def answered_as_kept(events: Sequence[Event], revisions: Revisions) -> Iterator[str]:
    """What calls were told of a version is what the history holds of it."""
    held = {(key, one.version): one.value for key, kept in revisions.items() for one in kept}
    for event in events:
        if event.outcome != "ok" or event.kind not in {"read", "write"}:
            continue
        key, answer = event.keys[0], event.answer
        if held.get((key, answer["version"])) != answer["value"]:
            yield f"{key} version {answer['version']} was answered with {answer['value']}"


def in_real_time(events: Sequence[Event]) -> Iterator[str]:
    """No call saw less than what had ended before it began."""
    by_key: dict[str, list[Seen]] = {}
    for event in events:
        if event.outcome == "ok" and event.kind in {"read", "write"}:
            seen = Seen(event.invoked, event.ended, event.answer["version"], event.kind == "write")
            by_key.setdefault(event.keys[0], []).append(seen)
        elif event.outcome == "fail" and event.kind in {"read", "write"}:
            version = (event.answer or {}).get("current_version") or 0
            if event.answer and "current_version" in event.answer:
                seen = Seen(event.invoked, event.ended, version, False)
                by_key.setdefault(event.keys[0], []).append(seen)
    for key, seen_ones in by_key.items():
        yield from _order(key, seen_ones)


def _order(key: str, seen: Sequence[Seen]) -> Iterator[str]:
    """Sorted by their beginnings, each is held against the newest that had ended by then."""
    ended = sorted(seen, key=lambda one: one.ended)
    newest, at = -1, 0
    for one in sorted(seen, key=lambda one: one.invoked):
        while at < len(ended) and ended[at].ended < one.invoked:
            newest = max(newest, ended[at].version)
            at += 1
        if one.version < newest or (one.is_write and one.version == newest):
            yield f"{key}: version {one.version} after {newest} had been seen"


def whole(events: Sequence[Event], revisions: Revisions) -> Iterator[str]:
    """Of each transaction all keys or none, at one time."""
    found: dict[Any, dict[str, str]] = {}
    for key, kept in revisions.items():
        for one in kept:
            times = found.setdefault(one.value["id"], {})
            if key in times:
                yield f"transaction {one.value['id']} wrote {key} twice"
            times[key] = one.at
    for event in events:
        if event.kind != "transact":
            continue
        written = found.get(event.sent, {})
        if written and (set(written) != set(event.keys) or len(set(written.values())) > 1):
            yield f"{event.outcome} transaction {event.sent} is half there: {written}"
        if bool(written) != (event.outcome == "ok") and event.outcome != "unknown":
            yield f"{event.outcome} transaction {event.sent} is there: {bool(written)}"


def never_half_seen(events: Sequence[Event]) -> Iterator[str]:
    """Whoever read all keys of a group at once saw one transaction of it, and no older one than had
    ended before.
    """
    seen: list[Seen] = []
    for event in events:
        if event.outcome != "ok":
            continue
        if event.kind == "read_many":
            states = {(entry["version"], entry["value"]["id"]) for entry in event.answer["items"]}
            if len(states) > 1:
                yield f"a read saw halves: {sorted(states)}"
            for version, _ in list(states)[:1]:
                seen.append(Seen(event.invoked, event.ended, version, False))
        elif event.kind == "transact":
            versions = {result["version"] for result in event.answer["results"]}
            if len(versions) > 1:
                yield f"transaction {event.sent} wrote the versions {sorted(versions)}"
            seen.append(Seen(event.invoked, event.ended, max(versions), True))
    yield from _order("the group", seen)


def balanced(total: int) -> Judge:
    """Money moves in transactions: every reader of all accounts, and the end, find all of it."""

    def judge(events: Sequence[Event], revisions: Revisions) -> list[str]:
        wrong = [*gapless(revisions), *whole(events, revisions)]
        for event in events:
            if event.kind == "read_many" and event.outcome == "ok":
                held = sum(entry["value"]["n"] for entry in event.answer["items"])
                if event.answer["items"] and held != total:
                    wrong.append(f"a read found {held} of {total}")
        end = sum(kept[-1].value["n"] for kept in revisions.values())
        return wrong if end == total else [*wrong, f"{end} of {total} is left"]

    return judge


def _sum(adds: Iterable[Event], outcome: str) -> int:
    return sum(event.sent for event in adds if event.outcome == outcome)
