"""Routes: whom to tell of which alerts. Made, changed, tried and taken away on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from governance.delivery.custody import keep_secret
from governance.delivery.exceptions import NotWaiting, RouteNameTaken, TooManyRoutes
from governance.delivery.models import Delivery, Route
from governance.delivery.planning import make
from governance.detection.rules import RULES
from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.gate.policy.requests import Decision
from stateward.kernel.errors import NotFound, unfit
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Tenant
from stateward.web.webhooks import check_url, new_secret, secret_text

MANAGE = "alert.manage"
MOST_ROUTES = 20
MOST_ADDRESSES = 20
MOST_NAMED = 50
DAY = 24 * 60
MEMBERS = (
    "name", "addresses", "url", "severity", "rules", "namespaces", "after_minutes",
    "digest_minutes", "quiet_from", "quiet_to", "enabled",
)  # fmt: skip


def create_route(*, actor: Actor, call: Call, fields: Mapping[str, Any]) -> tuple[Route, str]:
    """A new route, and the secret a webhook is signed with: shown now and never again."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    if Route.objects.filter(tenant_id=actor.tenant_id).count() >= MOST_ROUTES:
        raise TooManyRoutes
    route = Route(tenant_id=actor.tenant_id, kind=fields["kind"], created_by=actor.name[:254])
    _apply(route, fields)
    secret = ""
    if route.kind == "webhook":
        made = new_secret()
        keep_secret(route, made)
        secret = secret_text(made)
    _save(route, force_insert=True)
    _record(call, decision, route, "route.created")
    return find_route(actor, route.id), secret


def change_route(*, actor: Actor, call: Call, route_id: UUID, fields: Mapping[str, Any]) -> Route:
    """Change a route; what waits on it is sent as it then is. Its kind stays."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    route = find_route(actor, route_id, locked=True)
    _apply(route, fields)
    if fields.get("enabled"):
        route.disabled_why = ""
    _save(route)
    _record(call, decision, route, "route.changed")
    return find_route(actor, route_id)


def delete_route(*, actor: Actor, call: Call, route_id: UUID) -> None:
    """Take a route away, with what waits on it and what it says of the past."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    route = find_route(actor, route_id, locked=True)
    _record(call, decision, route, "route.deleted")
    route.delete()


def make_test(*, actor: Actor, call: Call, route_id: UUID) -> Delivery:
    """A message that says it is a test. Whoever asks sends it, outside this transaction."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    route = find_route(actor, route_id, locked=True)
    tenant = Tenant.objects.get(id=actor.tenant_id)
    delivery = make(tenant, route, [], is_test=True)
    delivery.attempts = 1
    delivery.save(update_fields=["attempts"])
    _record(call, decision, route, "route.tested")
    return delivery


def send_again(*, actor: Actor, call: Call, delivery_id: UUID) -> Delivery:
    """Let what was given up wait again, with all its tries before it."""
    decision = permit(actor, call, MANAGE, whole_tenant(actor))
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("route")
    found = rows.filter(tenant_id=actor.tenant_id, id=delivery_id).first()
    if found is None:
        raise NotFound
    if found.state != Delivery.State.GIVEN_UP or found.kind == Delivery.Kind.TEST:
        raise NotWaiting
    found.state, found.attempts, found.next_at = Delivery.State.WAITING, 0, Now()
    found.save(update_fields=["state", "attempts", "next_at"])
    found.refresh_from_db()
    _record(call, decision, found.route, "route.sent_again")
    return found


def find_route(actor: Actor, route_id: UUID, *, locked: bool = False) -> Route:
    """NotFound where it is none of the tenant's. The caller has decided."""
    rows = Route.objects.select_for_update() if locked else Route.objects.all()
    found = rows.filter(tenant_id=actor.tenant_id, id=route_id).first()
    if found is None:
        raise NotFound
    return found


def _apply(route: Route, fields: Mapping[str, Any]) -> None:
    for name in MEMBERS:
        if name in fields:
            setattr(route, name, fields[name])
    _check_target(route)
    _check_filter(route)
    quiet = (route.quiet_from, route.quiet_to)
    if (quiet[0] is None) != (quiet[1] is None) or (quiet[0] is not None and quiet[0] == quiet[1]):
        raise unfit("quiet_to", "with quiet_from, and another minute, or neither")


def _check_target(route: Route) -> None:
    if route.kind == "email":
        if route.url:
            raise unfit("url", "only of a webhook")
        if not 1 <= len(route.addresses) <= MOST_ADDRESSES:
            raise unfit("addresses", f"from 1 to {MOST_ADDRESSES} addresses")
        for number, one in enumerate(route.addresses):
            _check_address(one, f"addresses/{number}")
        return
    if route.addresses:
        raise unfit("addresses", "only of an e-mail")
    check_url(route.url)


def _check_address(text: str, pointer: str) -> None:
    try:
        validate_email(text)
    except ValidationError:
        raise unfit(pointer, "not an e-mail address") from None


def _check_filter(route: Route) -> None:
    if not route.name.strip():
        raise unfit("name", "must not be empty")
    for number, one in enumerate(route.rules):
        if one not in RULES:
            raise unfit(f"rules/{number}", "no rule of this name")
    for name in ("rules", "namespaces"):
        if len(getattr(route, name)) > MOST_NAMED:
            raise unfit(name, f"at most {MOST_NAMED}")


def _save(route: Route, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            route.save(force_insert=force_insert)
    except IntegrityError:
        raise RouteNameTaken from None


def _record(call: Call, decision: Decision, route: Route, event: str) -> None:
    details = {
        "event": event, "name": route.name, "kind": route.kind, "severity": route.severity,
        "after_minutes": route.after_minutes, "enabled": route.enabled,
    }  # fmt: skip
    personal = {"addresses": ",".join(route.addresses)} if route.addresses else None
    record(call, decision, MANAGE, ("route", str(route.id)), details, personal=personal)
