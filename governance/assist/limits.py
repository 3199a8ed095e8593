"""What a tenant may ask of the model: so many questions a minute, so many tokens a day.

In the tenant's scope. One lock for each tenant, held to the end of the short transaction, lets
questions that come at once be counted one after the other.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now

from governance.assist.exceptions import AssistLimit
from governance.assist.models import AssistCall
from stateward.tenancy.actors import Actor

MINUTE, DAY, KEPT = timedelta(minutes=1), timedelta(days=1), timedelta(days=2)
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('assist ' || %s, 0))"


def begin(actor: Actor, kind: str) -> AssistCall:
    """Count a question; AssistLimit (429) where there is none left."""
    tenant_id = actor.tenant_id
    with connection.cursor() as cursor:
        cursor.execute(LOCK, (str(tenant_id),))
    calls = AssistCall.objects.filter(tenant_id=tenant_id)
    calls.filter(started_at__lt=Now() - KEPT).delete()
    if calls.filter(started_at__gt=Now() - MINUTE).count() >= settings.ASSIST_CALLS_A_MINUTE:
        raise AssistLimit(
            f"This tenant may ask {settings.ASSIST_CALLS_A_MINUTE} questions a minute.",
            headers={"Retry-After": "60"},
        )
    used = calls.filter(started_at__gt=Now() - DAY).aggregate(tokens=Sum("tokens"))["tokens"]
    if (used or 0) >= settings.ASSIST_TOKENS_A_DAY:
        raise AssistLimit(
            f"This tenant has used its {settings.ASSIST_TOKENS_A_DAY:,} tokens of the last day.",
            headers={"Retry-After": "3600"},
        )
    return AssistCall.objects.create(
        tenant_id=tenant_id, kind=kind, actor_type=actor.type, actor_id=actor.id
    )


def finish(tenant_id: UUID, call_id: UUID, *, outcome: str, tokens: int) -> None:
    """Note how it ended, and what it cost."""
    AssistCall.objects.filter(tenant_id=tenant_id, id=call_id).update(
        finished_at=Now(), outcome=outcome, tokens=tokens
    )
