"""Coming in and going out, by the form, as a person does."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.factories.tenants import PASSWORD, make_member, make_person, make_tenant

pytestmark = pytest.mark.browser


def sign_in_by_form(console: Any, email: str, password: str = PASSWORD) -> None:
    console.tab.get_by_label("Email").fill(email)
    console.tab.get_by_label("Password").fill(password)
    console.tab.get_by_role("button", name="Sign in", exact=True).click()


def test_the_form_leads_to_where_one_wanted_to_go(console: Any) -> None:
    tenant, person = make_tenant(name="Meridian Air"), make_person()
    make_member(tenant, "viewer", person=person)
    console.open(f"/t/{tenant.slug}/")

    sign_in_by_form(console, person.email)

    expect(console.tab).to_have_url(f"{console.url}/t/{tenant.slug}/")
    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_wrong_password_is_said_without_saying_who_exists(console: Any) -> None:
    person = make_person()
    console.open("/account/login/")

    sign_in_by_form(console, person.email, "not the passphrase")

    expect(console.tab.get_by_role("alert")).to_be_visible()
    expect(console.tab).to_have_url(f"{console.url}/account/login/")


def test_the_front_door_leads_into_the_tenant(console: Any) -> None:
    tenant, person = make_tenant(), make_person()
    make_member(tenant, "viewer", person=person)
    console.sign_in(person)

    console.open("/")

    expect(console.tab).to_have_url(f"{console.url}/t/{tenant.slug}/")


def test_a_person_of_no_tenant_is_told_so(console: Any) -> None:
    console.sign_in(make_person())

    console.open("/")

    expect(console.tab.get_by_role("heading", level=1)).to_have_text("You are in no tenant yet")


def test_another_tenants_address_answers_as_if_it_did_not_exist(console: Any) -> None:
    foreign, own, person = make_tenant(), make_tenant(), make_person()
    make_member(own, "owner", person=person)
    console.sign_in(person)

    console.open(f"/t/{foreign.slug}/", status=404)

    expect(console.tab.get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_signing_out_ends_the_session(console: Any) -> None:
    tenant, person = make_tenant(), make_person(name="Ines Okafor")
    make_member(tenant, "viewer", person=person)
    console.sign_in(person)
    console.open(f"/t/{tenant.slug}/")

    console.tab.locator(".account > summary").click()
    console.tab.get_by_role("button", name="Sign out").click()

    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Sign in")
    console.open(f"/t/{tenant.slug}/")
    expect(console.tab.get_by_role("heading", level=1)).to_have_text("Sign in")
