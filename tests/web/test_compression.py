"""What travels compressed: pages and JSON that nobody but ourselves can have asked for."""

from __future__ import annotations

import gzip

import pytest
from django.test import Client

from tests.console.console_world import make_world
from tests.factories.api import Api, new_tenant
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")

BROWSER = {"Accept-Encoding": "gzip, deflate, br"}
OURS = BROWSER | {"Sec-Fetch-Site": "same-origin"}
MOST_BYTES = 150 * 1024


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_member(new_tenant(), "owner").person)
    return client


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_that_we_asked_for_is_compressed(client: Client, site: str) -> None:
    plain = client.get("/", follow=True)

    answer = client.get("/", follow=True, headers=BROWSER | {"Sec-Fetch-Site": site})

    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) < len(plain.content) / 3
    assert b"<h1>Overview</h1>" in gzip.decompress(answer.content)
    assert {"Accept-Encoding", "Sec-Fetch-Site"} <= set(answer["Vary"].split(", "))
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_page_that_another_site_may_have_asked_for_is_not(
    client: Client, site: str | None
) -> None:
    said = {"Sec-Fetch-Site": site} if site else {}

    answer = client.get("/", follow=True, headers=BROWSER | said)

    assert answer.status_code == 200
    assert not answer.has_header("Content-Encoding")


def test_the_length_of_the_same_page_differs_from_time_to_time() -> None:
    client = Client()

    lengths = {len(client.get("/account/login/", headers=OURS).content) for _ in range(12)}

    assert len(lengths) > 1


def test_a_page_that_shows_a_secret_is_not_compressed() -> None:
    world = make_world()
    agent = world.agent("booker")
    client = Client()
    client.force_login(world.person)
    path = world.path(f"agents/{agent.id}/keys/new")

    answer = client.post(path, {"label": "first", "days": "90"}, headers=OURS, follow=False)

    assert b"sw_" in answer.content
    assert not answer.has_header("Content-Encoding")


def test_json_is_compressed_for_programs() -> None:
    api = Api(make_member(new_tenant(), "owner"))

    answer = api("GET", "/detection/rules", Accept_Encoding="gzip")

    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content).startswith(b'{"items":[')


def test_json_is_compressed_for_no_cookie_from_elsewhere(client: Client) -> None:
    answer = client.get("/api/v1/tenant", headers=BROWSER | {"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert not answer.has_header("Content-Encoding")


def test_the_first_page_is_light_as_it_travels(client: Client) -> None:
    answer = client.get("/", follow=True, headers=OURS)

    assert len(answer.content) < MOST_BYTES / 5, "the rest is for sheets, scripts and icons"
