"""What holds for every page: accessible in both themes, light in bytes, as wide as its window."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.tenants import make_member, make_person, make_tenant

pytestmark = pytest.mark.browser

OUTSIDE = ["/account/login/", "/account/password/reset/"]
OWN = [
    "/account/2fa/",
    "/account/sessions/",
    "/account/password/change/",
    "/account/2fa/totp/activate/",
]
PAGES = [""]  # within /t/<tenant>/
WINDOWS = [
    pytest.param({"color_scheme": "light"}, id="light"),
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"viewport": {"width": 390, "height": 844}}, id="narrow"),
]
MOST_BYTES = 150 * 1024
MOST_REQUESTS = 20
MOST_ELEMENTS = 1500


def judge(console: Any) -> None:
    assert console.axe() == []
    assert console.overflow() == 0
    assert console.weight() <= MOST_BYTES
    assert len(console.answers) <= MOST_REQUESTS
    assert console.tab.locator("*").count() <= MOST_ELEMENTS


@pytest.mark.parametrize("console", WINDOWS, indirect=True)
@pytest.mark.parametrize("path", OUTSIDE)
def test_pages_before_sign_in_are_accessible_and_light(console: Any, path: str) -> None:
    console.open(path)

    judge(console)


@pytest.mark.parametrize("console", WINDOWS, indirect=True)
@pytest.mark.parametrize("path", OWN)
def test_pages_of_ones_own_are_accessible_and_light(console: Any, path: str) -> None:
    console.sign_in(make_person())

    console.open(path)

    judge(console)


@pytest.mark.parametrize("console", WINDOWS, indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_pages_of_a_tenant_are_accessible_and_light(console: Any, path: str) -> None:
    tenant, person = make_tenant(), make_person()
    make_member(tenant, "owner", person=person)
    console.sign_in(person)

    console.open(f"/t/{tenant.slug}/{path}")

    judge(console)


@pytest.mark.parametrize("console", WINDOWS, indirect=True)
def test_refusals_are_pages_too(console: Any) -> None:
    console.sign_in(make_person())

    console.open("/t/no-such-tenant/", status=404)

    judge(console)
