"""The request as a console page sees it, and the one way into such a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from stateward.kernel.errors import StatewardError
from stateward.state.judging import record_denial
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.queries import Membership
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.calls import call_of
from stateward.web.drf.refusals import names_what_was_missed, record_refusal
from stateward.web.drf.views import address_of
from stateward.web.sessions import choose_tenant, session_actor

if TYPE_CHECKING:
    from stateward.tenancy.models import Person

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of "you are here"; the last has no address."""

    title: str
    url: str = ""


class ConsoleRequest(HttpRequest):
    """A request of a signed-in member, after ``page`` let it in."""

    user: Person  # nobody else gets past ``page``
    actor: Actor
    call: Call
    tenant: Membership
    htmx: HtmxDetails
    csp_nonce: str


def page(
    view: Callable[Concatenate[ConsoleRequest, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """A page of one tenant's console: ``/t/<tenant>/…``.

    Sends whoever is not signed in to the sign-in page, whoever is no member to "not found" (whether
    the tenant exists is not said), and turns the refusals of services into pages. The tenant is in
    the address, so that a copied address opens the same thing for someone else, and two tabs may
    show two tenants without acting in the wrong one.
    """

    @wraps(view)
    def let_in(
        request: HttpRequest, tenant: str, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        try:
            console = _enter(request, tenant)
        except StatewardError as refusal:
            return refuse(request, refusal)
        try:
            return view(console, *args, **kwargs)
        except StatewardError as refusal:
            names_what_was_missed(refusal, kwargs)
            record(console, refusal)
            return refuse(request, refusal)

    return let_in


def _enter(request: HttpRequest, slug: str) -> ConsoleRequest:
    """The request, acting in the tenant the address names; NotFound where that is not theirs."""
    console = cast(ConsoleRequest, request)
    console.call = call_of(request.headers.get, source_address=address_of(request))
    if not console.tenant or console.tenant.tenant_slug != slug:
        console.tenant = choose_tenant(request, slug)
        console.actor = cast(Actor, SimpleLazyObject(lambda: session_actor(request)))
    return console


def record(request: ConsoleRequest, refusal: StatewardError) -> None:
    """Put a denial into the audit, outside the transaction that it undid; nothing for the rest.

    ``page`` does it for what a view lets through; a view that shows a denial in one of its panels
    does it itself.
    """
    if hasattr(refusal, "denial"):
        with tenant_scope(request.actor.tenant_id):
            run_flow(record_denial(request.actor, request.call, refusal))
    elif refusal.status == 403 or hasattr(refusal, "decision"):
        record_refusal(request.actor, request.call, refusal)


def refuse(request: HttpRequest, refusal: StatewardError) -> HttpResponse:
    """A refusal as a page: what failed, what still holds, what to do, and the id to quote."""
    template = f"{refusal.status}.html" if refusal.status in {403, 404} else "refusal.html"
    context: dict[str, Any] = {"refusal": refusal, "members": refusal.members}
    return render(request, template, context, status=refusal.status)


def address(request: ConsoleRequest, name: str, *args: object) -> str:
    """The address of a page of the tenant that this request acts in."""
    return reverse(f"console:{name}", args=[request.tenant.tenant_slug, *args])
