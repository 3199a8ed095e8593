"""Routes of alerts as an admin meets them: made, tried, seen to fail, read back over REST."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.console.console_world import World, make_world
from tests.delivery.receivers import post_office, receiver
from tests.delivery.test_alert_delivery import raised, tick
from tests.factories.api import Api

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]

THEMES = [
    pytest.param({"color_scheme": "light"}, id="light"),
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"viewport": {"width": 390, "height": 844}, "has_touch": True}, id="narrow"),
]


def api_of(world: World) -> Api:
    with tenant_scope(world.tenant.id):
        return Api(Member.objects.get(id=world.owner.id))


def mail_by(settings: Any, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""


def test_an_admin_makes_a_route_tries_it_and_sees_it_fail(console: Any, settings: Any) -> None:
    world = make_world()
    console.sign_in(world.person)
    with post_office() as post:
        mail_by(settings, post.port)
        tab = console.open(world.path("alerts/"))
        tab.get_by_role("link", name="Routes").click()
        tab.get_by_role("link", name="Make the first route").click()
        tab.get_by_label("Name", exact=True).fill("On call")
        tab.get_by_label("Addresses").fill("ops@example.com\nsoc@example.com")
        tab.get_by_label("Quiet from").fill("22:00")
        tab.get_by_label("Quiet to").fill("06:00")
        tab.get_by_role("button", name="Make 1 route").click()
        expect(tab.get_by_text("On call is told from the next alert on.")).to_be_visible()
        tab.get_by_role("button", name="Test On call").click()
        expect(tab.get_by_text("Taken by the mail server for 2 addresses.").first).to_be_visible()
        post.answers = ["554 no"]
        tab.get_by_role("button", name="Test On call").click()
        expect(tab.get_by_text("Fails", exact=True)).to_be_visible()
        expect(tab.locator(".said")).to_contain_text("1 does not get through")

    (route,) = api_of(world)("GET", "/alert-routes").json()["items"]
    assert route["addresses"] == ["ops@example.com", "soc@example.com"]
    assert (route["quiet_from"], route["quiet_to"]) == (22 * 60, 6 * 60)
    assert post.recipients == [["ops@example.com", "soc@example.com"]]


def furnish(world: World, settings: Any) -> str:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    api = api_of(world)
    with receiver() as hook:
        hook.answers = [204, 500]
        body = {"name": "Pager", "kind": "webhook", "severity": "high", "url": hook.url}
        made = api("POST", "/alert-routes", body).json()
        ladder = {"name": "Ladder", "after_minutes": 30, "kind": "email", "severity": "medium"}
        api("POST", "/alert-routes", ladder | {"addresses": ["boss@example.com"]})
        for _ in range(2):
            raised(world.tenant)
            tick(world.tenant)
    return str(made["id"])


def test_another_tenant_sees_none_of_it(settings: Any) -> None:
    world, other = make_world(), make_world("Other Air")
    route = furnish(world, settings)
    client = Client()
    client.force_login(other.person)

    assert b"Pager" not in client.get(other.path("alerts/routes/")).content
    assert client.get(other.path(f"alerts/routes/{route}/")).status_code == 404
    assert client.post(other.path(f"alerts/routes/{route}/test")).status_code == 404
    assert client.post(other.path(f"alerts/routes/{route}/delete")).status_code == 404


@pytest.mark.parametrize("console", THEMES, indirect=True)
def test_the_pages_are_accessible_light_and_narrow(console: Any, settings: Any) -> None:
    from tests.console.test_tenant_pages_quality import judge  # noqa: PLC0415  # its judgement

    world = make_world()
    route = furnish(world, settings)
    paths = [
        "alerts/routes/", "alerts/routes/new", f"alerts/routes/{route}/",
        f"alerts/routes/{route}/delete",
    ]  # fmt: skip
    console.sign_in(world.person)
    shots = os.environ.get("ROUTE_SHOTS")
    faults = {}

    for number, path in enumerate(paths):
        faults[path] = judge(console, world, path)
        if shots:
            name = f"{shots}/r{number}-{console.tab.viewport_size['width']}"
            dark = console.tab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            console.tab.screenshot(path=f"{name}{'-dark' if dark else ''}.png", full_page=True)

    assert {path: found for path, found in faults.items() if found} == {}
