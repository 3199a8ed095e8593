"""A page of changes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from stateward.feed.log import standing
from stateward.feed.places import Place
from stateward.gate.sequence.bell import URGENT, Hand
from stateward.state.changes.reader import Reader, Shown
from stateward.state.changes.windows import Window

LONGEST_SECONDS = 0.5  # of looking for what the reader may see, before a page is answered as it is
LONGEST_WAIT = 1.0  # for what is committed to be numbered
WAIT_SECONDS = 0.005
MOST_BYTES = 8 * 1024 * 1024  # of values in one page


@dataclass(slots=True)
class Page:
    """Some changes, where the next ones begin, and whether there were none as it was looked."""

    items: list[dict[str, Any]]
    next: Place
    is_caught_up: bool


async def page_of(reader: Reader, hand: Hand) -> Page:
    """The changes after a place, up to a limit. A transaction is not cut, unless it alone is longer
    than the page.
    """
    asking = reader.asking
    if asking.is_from_now:
        return Page([], await present_place(reader, hand), True)
    await present_place(reader, hand)  # whoever has written just now finds it in the page
    return await _page(reader)


async def present_place(reader: Reader, hand: Hand) -> Place:
    """The end of all that is committed now, once it is numbered; or after a while, of what is."""
    until = time.monotonic() + LONGEST_WAIT
    while True:
        place, is_behind = await reader.ask(standing(reader.actor.tenant_id))
        if not is_behind or time.monotonic() > until:
            return place
        hand.ring(URGENT)
        await asyncio.sleep(WAIT_SECONDS)


async def _page(reader: Reader) -> Page:
    limit, place = reader.asking.limit, reader.asking.after
    items: list[dict[str, Any]] = []
    began = time.monotonic()
    while True:
        look = await reader.look(place, limit - len(items))
        window = Window(look.rows)
        fitting, is_cut = await _fill(reader, window, limit - len(items), is_first=not items)
        items += [_body(reader, one) for one in fitting]
        if is_cut:
            last = fitting[-1][0].change.row.place if fitting else place
            return Page(items, last or look.end, False)
        place = look.end
        is_long = time.monotonic() - began > LONGEST_SECONDS
        if look.is_newest or len(items) >= limit or is_long:
            return Page(items, place, look.is_newest)


async def _fill(
    reader: Reader, window: Window, room: int, *, is_first: bool
) -> tuple[list[Shown], bool]:
    """What of a window goes into the page, and whether something was left out."""
    shown: list[Shown] = []
    size = 0
    async for part in reader.shown(window):
        shown += part
        size += sum(len(opened.data or b"") for _, _, opened in part if opened is not None)
        if len(shown) > room or size > MOST_BYTES:
            break
    else:
        if len(shown) <= room:
            return shown, False
    kept = shown[:room]
    while kept and kept[-1][1]:  # back to the end of a transaction
        kept.pop()
    if not kept and is_first:
        kept = shown[:room]  # one that is longer than a page comes in parts
    return kept, True


def _body(reader: Reader, shown: Shown) -> dict[str, Any]:
    one, has_more, opened = shown
    values = one.values
    return one.change.body(has_more=has_more, values=values, opened=opened, masks=one.masks)
