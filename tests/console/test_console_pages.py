"""What every page keeps: refusals as pages, addresses that stand for a tenant, tags that escape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path
from django.views.defaults import bad_request, server_error

from dashboards.navigation import exists, navigation
from dashboards.requests import ConsoleRequest, page
from stateward.kernel.errors import Conflict, Fault
from tests.factories.tenants import make_member, make_person, make_tenant


def render(text: str, **context: Any) -> str:
    return Template("{% load console %}" + text).render(Context(context))


@page
def refuses(request: ConsoleRequest) -> Any:
    raise Conflict("It stands already.", errors=(Fault("/name", "taken"),))


urlpatterns = [path("t/<slug:tenant>/refuses", refuses), path("", include("stateward.urls"))]


def test_a_refusal_of_a_service_is_a_page_that_says_what_and_where(database: None) -> None:
    tenant, person = make_tenant(), make_person()
    make_member(tenant, "owner", person=person)
    client = Client()
    client.force_login(person)

    with override_settings(ROOT_URLCONF=__name__):
        answer = client.get(f"/t/{tenant.slug}/refuses")

    assert answer.status_code == 409
    assert b"It stands already. Nothing was changed." in answer.content
    assert b"<code>/name</code>: taken" in answer.content


def test_two_tabs_may_show_two_tenants(database: None) -> None:
    person, one, other = make_person(), make_tenant(name="One"), make_tenant(name="Other")
    for tenant in (one, other):
        make_member(tenant, "owner", person=person)
    client = Client()
    client.force_login(person)

    titles = [client.get(f"/t/{slug}/").content for slug in (one.slug, other.slug, one.slug)]

    assert [b"Other</span>" in title.split(b"</summary>")[0] for title in titles] == [
        False,
        True,
        False,
    ]


def test_without_a_session_every_page_leads_to_sign_in_and_back(database: None) -> None:
    answer = Client().get("/t/nowhere/find?q=x")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/account/login/?next=/t/nowhere/find%3Fq%3Dx"


def test_pages_are_private_and_nonced(database: None) -> None:
    answer = Client().get("/account/login/")
    policy = answer.headers["Content-Security-Policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]

    assert "unsafe" not in policy
    assert "no-store" in answer.headers["Cache-Control"]
    assert f'nonce="{nonce}"'.encode() in answer.content


def test_errors_before_any_view_have_pages_too() -> None:
    request = RequestFactory().get("/")

    assert b"The request was not understood" in bad_request(request, Exception()).content
    assert b"This page failed" in server_error(request).content


def test_the_side_bar_shows_only_places_that_are_there() -> None:
    groups = navigation("x", "/t/x/audit/records")
    links = {link.place.name: link.is_here for group in groups for link in group.links}

    assert links["audit"]
    assert not links["overview"]
    assert all(exists(name) for name in links)
    assert not exists("no-such-place")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{% badge 'ok' name %}", "&lt;b&gt;"),
        ("{% chip name %}", "&lt;b&gt;"),
        ("{% short_id name %}", "&lt;b&gt;"),
        ("{% copy_button name %}", "&lt;b&gt;"),
        ("{% outcome name %}", "&lt;b&gt;"),
        ("{% class_mark name %}", "&lt;b&gt;"),
        ("{% icon 'lock' label=name %}", "&lt;b&gt;"),
        ("{% ticks states name %}", "&lt;b&gt;"),
    ],
)
def test_tags_escape_what_they_are_given(text: str, written: str) -> None:
    html = render(text, name="<b>", states=["ok"])

    assert written in html.lower()
    assert "<b>" not in html.lower()


def test_times_say_themselves_in_utc_with_the_moment_beside() -> None:
    at = datetime(2020, 2, 3, 4, 5, 6, 7_000, tzinfo=UTC)

    assert 'datetime="2020-02-03T04:05:06.007Z"' in render("{% when at %}", at=at)
    assert ">3 Feb 2020<" in render("{% when at %}", at=at)
    assert ">04:05:06.007<" in render("{% when at 'clock' %}", at=at)
    assert ">04:05:06<" in render("{% when at 'second' %}", at=at)
    assert ">3 Feb 2020 04:05:06<" in render("{% when at 'full' %}", at=at)
    assert ">3 Feb 2020<" in render("{% when at 'day' %}", at=at)
    assert render("{% when at %}", at=None) == "never"


def test_long_ids_are_cut_in_the_middle_and_whole_in_the_title() -> None:
    html = render("{% short_id id %}", id="01a1fd29-ee1a-79f8-95a8-e60f824750a5")

    assert "01a1fd29…4750a5" in html
    assert 'title="01a1fd29-ee1a-79f8-95a8-e60f824750a5"' in html


def test_small_pictures_are_true_to_their_numbers() -> None:
    assert "26.50 " not in render("{% sparkline values %}", values=[2.0, 1.0])
    assert "100.00 14.50" in render("{% sparkline values %}", values=[2.0, 1.0])
    assert "M0 26.5L100 26.5" in render("{% sparkline values %}", values=[])
    assert 'width="40.0"' in render("{% share_bar 0.4 %}")
    assert 'width="100.0"' in render("{% share_bar 7 'warn' %}")


def test_counts_agree_with_their_words() -> None:
    assert render("{{ 1|plural:'entry,entries' }}") == "1 entry"
    assert render("{{ 1204|plural:'entry,entries' }}") == "1,204 entries"
    assert render("{{ none|whole }}{{ none|count }}{{ none|size }}", none=None) == ""
    assert render("{{ name|initials }}", name="Ines Okafor") == "IO"


class ExampleForm(forms.Form):
    name = forms.CharField(help_text="As on the card.")
    agrees = forms.BooleanField(required=False)
    roles = forms.MultipleChoiceField(choices=[("a", "A")], widget=forms.CheckboxSelectMultiple)


def test_a_field_ties_label_hint_and_fault_together() -> None:
    form = ExampleForm({"name": ""})

    html = render("{% field form.name %}", form=form)

    assert '<label for="id_name">' in html
    assert 'aria-describedby="id_name-hint id_name-fault"' in html
    assert 'aria-invalid="true"' in html


def test_choices_are_labelled_one_by_one_and_as_a_group() -> None:
    form = ExampleForm()

    assert '<label class="choice">' in render("{% field form.agrees %}", form=form)
    assert "<legend>Roles</legend>" in render("{% field form.roles %}", form=form)
