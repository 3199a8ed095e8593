"""Pages of changes: whole, in order, and only what the reader may read."""

from __future__ import annotations

from tests.factories.state import World
from tests.feed.feeding import Feed


def test_a_change_is_in_the_page_that_is_asked_for_after_it(
    feed: Feed, world: World, key: str
) -> None:
    world.put("a", 1)
    world.put("a", 2)
    world.delete("a")

    page = feed.page(key)

    told = [(item["key"], item["operation"], item["version"]) for item in page["items"]]
    assert told == [("a", "put", 1), ("a", "put", 2), ("a", "delete", 3)]
    assert page["items"][0]["actor"]["id"] == str(world.agent.id)
    assert page["caught_up"]
    again = feed.page(key, after=page["next_cursor"])
    assert again["items"] == []


def test_a_stream_goes_on_where_it_was_left(feed: Feed, world: World, key: str) -> None:
    world.put("a", 1)
    with feed.stream(key, values="full") as stream:
        assert stream.status == 200
        assert stream.change()["value"] == 1
        world.put("b", {"x": [1]})
        told = stream.change()
        assert (told["key"], told["value"]) == ("b", {"x": [1]})
    world.put("c", 3)

    with feed.stream(key, last_id=stream.cursor) as stream:
        assert stream.change()["key"] == "c"
