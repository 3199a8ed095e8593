"""Sending what waits: claimed in one transaction, sent in none, noted in a third.

A worker that dies in between leaves a claim that runs out, and the message goes again: at least
once. A webhook's receiver knows the repeat by its id, a reader of letters by its Message-ID.
"""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models.functions import Now

from governance.delivery.custody import open_secret
from governance.delivery.models import Delivery, Route
from governance.detection.acts import detector, detector_call
from stateward.gate.audit.record import append, compose
from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.kernel.clock import now
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web import webhooks
from stateward.web.webhooks import Delivery as Said

CLAIM = timedelta(minutes=5)  # longer than any sending takes
MOST = 50  # messages of one tenant in one pass
MAIL_SECONDS = 10
WEBHOOK_SECONDS = 10.0
KEPT = timedelta(days=90)


def send_waiting(tenant_id: UUID) -> tuple[int, int]:
    """Send what is due; how many were taken and how many were not. A route that fails is left alone
    for the rest of the pass, so that one slow receiver costs the others one timeout.
    """
    taken = failed = 0
    failing: set[UUID] = set()
    for _ in range(MOST):
        delivery = _claim(tenant_id, failing)
        if delivery is None:
            break
        if send(delivery).is_taken:
            taken += 1
        else:
            failed += 1
            failing.add(delivery.route_id)
    return taken, failed


def send(delivery: Delivery) -> Said:
    """Send once, now, and note what came of it. Outside any transaction."""
    said = _by_mail(delivery) if delivery.route.kind == "email" else _by_webhook(delivery)
    with tenant_scope(delivery.tenant_id):
        _note(delivery, said)
    return said


def forget_old(tenant_id: UUID, moment: datetime) -> int:
    """Drop what was sent, or given up, long ago. Within the tenant's scope."""
    old = Delivery.objects.filter(tenant_id=tenant_id, made_at__lt=moment - KEPT)
    return old.exclude(state=Delivery.State.WAITING).delete()[0]


def _claim(tenant_id: UUID, failing: set[UUID]) -> Delivery | None:
    with tenant_scope(tenant_id), transaction.atomic():
        waiting = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            tenant_id=tenant_id,
            state=Delivery.State.WAITING,
            next_at__lte=Now(),
            route__enabled=True,
        )
        found = waiting.exclude(route_id__in=failing).select_related("route")
        delivery = found.order_by("next_at", "id").first()
        if delivery is not None:
            delivery.attempts += 1
            delivery.next_at = Now() + CLAIM
            delivery.save(update_fields=["attempts", "next_at"])
        return delivery


def _by_mail(delivery: Delivery) -> Said:
    route = delivery.route
    message = EmailMessage(
        delivery.title,
        delivery.body,
        to=list(route.addresses),
        headers={"Message-ID": f"<{delivery.id}@stateward>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(timeout=MAIL_SECONDS),
    )
    if _is_without_server():
        return Said("failed", "No mail server is set up (STATEWARD_EMAIL_HOST).")
    try:
        message.send()
    except smtplib.SMTPResponseException as error:
        return Said("failed", f"The mail server answered {error.smtp_code}.", error.smtp_code)
    except smtplib.SMTPRecipientsRefused:
        return Said("failed", "The mail server takes none of these addresses.")
    except (OSError, smtplib.SMTPException) as error:
        return Said("failed", f"No mail server answered ({type(error).__name__}).")
    count = len(route.addresses)
    return Said("taken", f"Taken by the mail server for {count} address{'es' * (count > 1)}.")


def _is_without_server() -> bool:
    return settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") and not settings.EMAIL_HOST


def _by_webhook(delivery: Delivery) -> Said:
    try:
        with tenant_scope(delivery.tenant_id):
            secret = open_secret(delivery.route)
    except KeysUnavailable:
        return Said("failed", "Its secret does not open: give the route a new one.")
    return webhooks.deliver(
        delivery.route.url,
        secrets=[secret],
        message_id=f"msg_{delivery.id.hex}",
        body=delivery.body.encode(),
        at=now(),
        seconds=WEBHOOK_SECONDS,
    )


def _note(delivery: Delivery, said: Said) -> None:
    """What became of an attempt, on the message and on its route."""
    route = Route.objects.select_for_update().get(id=delivery.route_id)
    delivery.said = route.said = said.said[:500]
    if said.is_taken:
        delivery.state, delivery.sent_at, delivery.body = Delivery.State.SENT, Now(), ""
        route.sent_at, route.failing_since = Now(), None
    else:
        wait = said.wait(delivery.attempts)
        if said.outcome == "gone":
            route.enabled, route.disabled_why = False, said.said[:200]
        if wait is None or delivery.kind == Delivery.Kind.TEST:
            delivery.state = Delivery.State.GIVEN_UP
        else:
            delivery.next_at = Now() + wait
        if route.failing_since is None:
            route.failing_since = Now()
            _record_failing(delivery, said)
    delivery.save(update_fields=["state", "sent_at", "body", "said", "next_at"])
    route.save(update_fields=["said", "sent_at", "failing_since", "enabled", "disabled_why"])


def _record_failing(delivery: Delivery, said: Said) -> None:
    """That a route began to fail is itself on record, once until it works again."""
    draft = compose(
        actor=detector(delivery.tenant_id),
        call=detector_call(),
        action="alert.manage",
        resource_type="route",
        resource_id=str(delivery.route_id),
        outcome="error",
        reason="not_delivered",
        extra={"event": "alert.not_delivered", "said": said.said, "status": said.status},
    )
    run_flow(append(draft))
