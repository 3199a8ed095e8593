"""The page a one-time link opens.

The link's address is left at once: what it says is put into the session, so that neither the
browser's history nor a referrer keeps it. Nothing is spent by looking: mail scanners open links
too.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from governance.people.exceptions import AlreadyMember, LinkSpent, SignInFirst, Unfit
from governance.people.models import Invitation
from governance.people.services.invitations import accept_invitation, find_invitation
from stateward.tenancy.models import Person
from stateward.web.calls import call_of
from stateward.web.drf.views import address_of

LINK = "stateward_join"


class AccountForm(forms.Form):
    """What a new account needs; someone who has one joins with nothing but a press of the
    button.
    """

    name = forms.CharField(
        max_length=200, label="Your name", widget=forms.TextInput({"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        help_text="At least 12 characters.",
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )


@require_GET
def open_link(request: HttpRequest, link: str) -> HttpResponse:
    request.session[LINK] = link
    return redirect("join")


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    link = request.session.get(LINK, "")
    try:
        invitation = find_invitation(link)
    except LinkSpent:
        return render(request, "account/join.html", {"is_spent": True}, status=410)
    person = request.user if isinstance(request.user, Person) else None
    has_account = Person.objects.filter(email=invitation.email).exists()
    if has_account and (person is None or person.email != invitation.email):
        return _page(request, invitation, sign_in_first=True)
    form = None if has_account else AccountForm(request.POST or None)
    if request.method == "POST" and (form is None or form.is_valid()):
        answer = _join(request, link, person if has_account else None, form)
        if answer is not None:
            return answer
    return _page(request, invitation, form=form)


def _join(
    request: HttpRequest, link: str, person: Person | None, form: AccountForm | None
) -> HttpResponse | None:
    call = call_of(request.headers.get, source_address=address_of(request))
    given = form.cleaned_data if form is not None else {}
    try:
        accept_invitation(link, call=call, person=person, **given)
    except Unfit as unfit:
        if form is not None:
            form.add_error("password", [fault.message for fault in unfit.errors])
        return None
    except (LinkSpent, SignInFirst, AlreadyMember) as refusal:
        messages.error(request, refusal.detail)
        return redirect("join")
    request.session.pop(LINK, None)
    if person is not None:
        return redirect("/")
    messages.success(request, "Your account is made. Sign in with it.")
    return redirect("account_login")


def _page(request: HttpRequest, invitation: Invitation, **more: Any) -> HttpResponse:
    about = {"tenant": invitation.tenant, "email": invitation.email, "roles": invitation.roles}
    return render(request, "account/join.html", {"invitation": about, **more})
