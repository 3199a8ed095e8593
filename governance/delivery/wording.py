"""What a message says: as a letter, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson
from django.conf import settings

from governance.delivery.models import Delivery
from governance.detection.models import Alert
from governance.detection.rendering import alert_body, rule_of
from stateward.kernel.clock import rfc3339
from stateward.tenancy.models import Tenant

LISTED = 50  # alerts that one message spells out; it says how many more there are
TYPES = {
    "alert": "alert.opened",
    "ladder": "alert.unacknowledged",
    "digest": "alert.digest",
    "test": "alert.test",
}


def title_of(tenant: Tenant, kind: str, alerts: Sequence[Alert]) -> str:
    """One line, as the subject of a letter; never longer than its column."""
    if kind == "test":
        return f"Stateward, {tenant.name}: a test"[:300]
    if kind == "digest":
        return f"Stateward, {tenant.name}: {len(alerts):,} alerts"[:300]
    (one,) = alerts
    begin = "Nobody has acknowledged" if kind == "ladder" else one.severity.capitalize()
    return _one_line(f"Stateward, {tenant.name}: {begin}: {one.said}")[:300]


def body_of(tenant: Tenant, delivery: Delivery, alerts: Sequence[Alert], *, as_json: bool) -> str:
    if as_json:
        return _document(tenant, delivery, alerts)
    if delivery.kind == "test":
        return (
            "This is a test. If you read it, alerts of this route reach you.\n\n"
            f"{_console(tenant)}alerts/routes/\n"
        )
    letters = "\n\n".join(_letter(tenant, one) for one in alerts[:LISTED])
    more = len(alerts) - LISTED
    rest = f"\n\nAnd {more:,} more." if more > 0 else ""
    begin = "Nobody has acknowledged this alert:\n\n" if delivery.kind == "ladder" else ""
    return f"{begin}{letters}{rest}\n\nAll that stands: {_console(tenant)}alerts/\n"


def _letter(tenant: Tenant, one: Alert) -> str:
    rule = rule_of(one)
    return "\n".join(
        (
            f"{one.severity.capitalize()}: {one.said}",
            f"  Found by   {rule.title}",
            f"  About      {_one_line(one.subject_name)} ({one.subject_type})",
            f"  First      {_written(one.first_at)}",
            f"  Last       {_written(one.last_at)}",
            f"  To do      {rule.advice}",
            f"  Look at it {_console(tenant)}alerts/{one.id}/",
        )
    )


def _document(tenant: Tenant, delivery: Delivery, alerts: Sequence[Alert]) -> str:
    items = [alert_body(one) | {"url": f"{_console(tenant)}alerts/{one.id}/"} for one in alerts]
    document = {
        "type": TYPES[delivery.kind],
        "id": str(delivery.id),
        "tenant": tenant.slug,
        "data": {"alerts": items[:LISTED], "count": len(items)},
    }
    return orjson.dumps(document).decode()


def _console(tenant: Tenant) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}/t/{tenant.slug}/"


def _written(moment: datetime) -> str:
    return rfc3339(moment)[:19].replace("T", " ") + " UTC"


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
