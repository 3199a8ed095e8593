"""Failed sign-ins reach the tenants whose members were tried.

A failure is recorded in the platform's tree alone, whether the account exists or not, so that time
does not tell which addresses have accounts. Here, later and unseen by whoever tried, those that
were about a member are written into the trees of that person's tenants: one record a minute for
each account and address, with how many there were and the times of the first and the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from governance.detection.acts import detector_call
from governance.detection.rules.signing_in import FAILED
from governance.detection.sightings import Sighting
from governance.detection.windows import by, total
from stateward.gate.audit.record import append, compose
from stateward.kernel.clock import rfc3339
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM, Person
from stateward.tenancy.queries import Membership, memberships_of
from stateward.tenancy.scope import run_flow, tenant_scope


def relay(sightings: Iterable[Sighting]) -> int:
    """Write what is new of the platform's failures where it belongs; how many records."""
    failed = [one for one in sightings if one.is_new and one.action == FAILED and one.email]
    groups = by(_what_is_one, failed)
    wanted = {email for email, _, _ in groups}
    people = dict(Person.objects.filter(email__in=wanted).values_list("email", "id"))
    written = 0
    for (email, address, _), found in sorted(groups.items()):
        person_id: UUID | None = people.get(email)
        for membership in memberships_of(person_id) if person_id else ():
            _write(membership, address, found)
            written += 1
    return written


def _what_is_one(one: Sighting) -> tuple[str, str, datetime]:
    """By the minute, so that windows slide over them as they would over each failure."""
    return one.email.lower(), one.address, one.at.replace(second=0, microsecond=0)


def _write(membership: Membership, address: str, found: list[Sighting]) -> None:
    draft = compose(
        actor=_signing_in(membership),
        call=Call(request_id=detector_call().request_id, source_address=address),
        action=FAILED,
        resource_type="member",
        resource_id=str(membership.member_id),
        outcome="deny",
        reason="bad_credential",
        extra={
            "event": FAILED,
            "count": total(found),
            "first": rfc3339(found[0].at),
            "last": rfc3339(found[-1].at),
        },
    )
    with tenant_scope(membership.tenant_id):
        run_flow(append(draft))


def _signing_in(membership: Membership) -> Actor:
    return Actor(
        type="system",
        id=PLATFORM,
        name="sign-in",
        tenant_id=membership.tenant_id,
        tenant_slug=membership.tenant_slug,
        roles=(),
        auth_method="system",
    )
