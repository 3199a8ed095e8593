"""A change is masked as the value is: in pages and streams, whole and as a patch."""

from __future__ import annotations

import pytest

from tests.factories.api import Api
from tests.factories.state import World, make_world
from tests.factories.tenants import make_agent, make_key, make_member
from tests.feed.feeding import Feed


@pytest.mark.usefixtures("database")
def test_followers_who_may_not_decrypt_are_shown_masks(feed: Feed) -> None:
    world: World = make_world("builder")
    key = make_key(world.agent).text
    owner = Api(make_member(world.tenant, "owner"))
    owner("PUT", f"/namespaces/{world.namespace.name}/masking", {"kinds": ["email"]})
    reader = make_key(make_agent(world.tenant, "reader")).text
    world.put("mia", {"email": "mia@example.org", "n": 1})
    world.put("mia", {"email": "lia@example.org", "n": 2})
    shown = {"email": "‹masked: email›", "n": 2}

    mine, theirs = feed.page(key, values="patch"), feed.page(reader, values="patch")
    with feed.stream(reader, values="full") as stream:
        heard = stream.changes(2)[1]

    assert [sorted(one["path"] for one in each["patch"]) for each in mine["items"][1:]] == [
        ["/email", "/n"]
    ]
    assert (theirs["items"][1]["value"], theirs["items"][1]["masked"]) == (shown, ["/email"])
    assert "patch" not in theirs["items"][1]
    assert heard["value"] == shown
    assert "example.org" not in str(theirs)
    assert "masked" not in str(feed.page(key, values="full"))
