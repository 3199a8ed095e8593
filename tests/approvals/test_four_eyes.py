"""Four eyes: who may agree, to what exactly, for how long, and how often an act then passes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import ProgrammingError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.people.acts import system_call
from governance.retention.services.holds import ask_to_release, place_hold, release_hold
from stateward.gate.approvals import kinds, queries, services
from stateward.gate.approvals.exceptions import (
    AlreadyAsked,
    ApprovalNeeded,
    ApprovalNotNeeded,
    ContentChanged,
    MayNotVote,
    NoSuchRequest,
    RequestClosed,
    TooFewApprovers,
    VotedAlready,
)
from stateward.gate.approvals.models import ApprovalRequest, ApprovalSetting, ApprovalVote
from stateward.gate.approvals.settings import set_number
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import NotFound, Unprocessable
from stateward.state.models import Hold
from stateward.tenancy.epochs import bump
from stateward.tenancy.models import Member
from stateward.tenancy.scope import tenant_scope
from tests.factories.api import audit_events
from tests.factories.approvals import Circle, make_circle
from tests.factories.state import actor_of
from tests.factories.tenants import make_agent, make_member, make_person

pytestmark = pytest.mark.usefixtures("database")
CALL = system_call()
CONTENT = {"policy": "p", "version": 2, "sha256": "ab"}


def _tenant(request: ApprovalRequest) -> Resource:
    return Resource("tenant", request.tenant.slug, {"name": request.tenant.slug})


TRIED = kinds.Kind("tried", "Try it", "policy.approve", _tenant, needed=1, is_listed=False)
kinds.register(TRIED)


@pytest.fixture
def circle() -> Circle:
    return make_circle()


def asked(circle: Circle, by: int = 0, kind: str = "tried", **how: Any) -> ApprovalRequest:
    said = {"subject": ("policy", "p1", "no-export"), "content": CONTENT, "summary": "Try", **how}
    return services.ask(circle.actor(by), CALL, kind, **said)


def used(circle: Circle, by: int = 0, content: Any = CONTENT, **how: Any) -> tuple[str, ...]:
    with tenant_scope(circle.tenant.id):
        return services.use(
            circle.actor(by), CALL, "tried", subject_id="p1", content=content, **how
        )


def test_an_act_waits_for_another_person_and_passes_once(circle: Circle) -> None:
    with pytest.raises(ApprovalNeeded):
        used(circle)
    request = asked(circle)
    with pytest.raises(ApprovalNeeded) as told:
        used(circle)
    assert told.value.members["approval"] == str(request.id)

    assert circle.vote(1, request).status == "approved"

    [vote] = used(circle)
    with tenant_scope(circle.tenant.id):
        assert str(ApprovalVote.objects.get(request=request).id) == vote
        assert ApprovalRequest.objects.get(id=request.id).status == "used"
    with pytest.raises(ApprovalNeeded):
        used(circle)
    events = [event for _, event, _ in audit_events(circle.tenant.id) if event]
    assert [one for one in events if one.startswith("approval.")] == [
        "approval.asked",
        "approval.voted",
        "approval.used",
    ]


def test_what_was_agreed_to_is_not_something_else(circle: Circle) -> None:
    """F62: another content, however alike, finds no approval."""
    circle.vote(1, asked(circle))

    for other in ({"version": 3}, {"sha256": "ac"}, {"policy": "q"}, {"more": True}):
        with pytest.raises(ApprovalNeeded):
            used(circle, content=CONTENT | other)
    with tenant_scope(circle.tenant.id), pytest.raises(ApprovalNeeded):
        services.use(circle.actor(0), CALL, "tried", subject_id="p2", content=CONTENT)
    assert used(circle)


def test_a_vote_names_the_content_that_was_seen(circle: Circle) -> None:
    request = asked(circle)

    with pytest.raises(ContentChanged):
        circle.vote(1, request, sha256=services.content_hash(CONTENT | {"version": 3}))

    assert circle.vote(1, request).status == "approved"


def test_whoever_asked_or_wrote_it_does_not_agree(circle: Circle) -> None:
    request = asked(circle, authors=[circle.members[1].id])

    for number in (0, 1):
        with pytest.raises(MayNotVote):
            circle.vote(number, request)

    assert circle.vote(2, request).status == "approved"


def test_whom_an_agent_acts_for_does_not_agree_to_what_it_asks(circle: Circle) -> None:
    owner = circle.members[0]
    agent = actor_of(make_agent(circle.tenant, owner_id=owner.id), circle.tenant)
    call = replace(CALL, on_behalf_of=f"member:{owner.id}")
    request = services.ask(
        agent, call, "tried", subject=("policy", "p1", "x"), content=CONTENT, summary="Try"
    )

    with pytest.raises(MayNotVote):
        circle.vote(0, request)

    assert circle.vote(1, request).status == "approved"


@pytest.mark.parametrize("method", ["token", "api_key"])
def test_no_key_agrees(circle: Circle, method: Any) -> None:
    request = asked(circle)
    key = circle.actor(1, auth_method=method)

    with pytest.raises(MayNotVote):
        services.vote(key, CALL, request.id, verdict="approve", sha256=request.sha256)


def test_an_agent_does_not_agree(circle: Circle) -> None:
    request = asked(circle)
    agent = actor_of(make_agent(circle.tenant, "builder"), circle.tenant)

    with pytest.raises(NotFound):
        services.vote(agent, CALL, request.id, verdict="approve", sha256=request.sha256)


def test_a_right_given_after_it_was_asked_comes_too_late(circle: Circle) -> None:
    late = make_member(circle.tenant, "viewer", person=make_person())
    request = asked(circle)
    with tenant_scope(circle.tenant.id):
        Member.objects.filter(id=late.id).update(roles=["owner"])
        bump(circle.tenant.id, "principals")
    promoted = replace(circle.actor(1), id=late.id)

    with pytest.raises(MayNotVote):
        services.vote(promoted, CALL, request.id, verdict="approve", sha256=request.sha256)


def test_a_right_lost_since_it_was_asked_is_gone(circle: Circle) -> None:
    request = asked(circle)
    demoted = circle.actor(1)

    with pytest.raises(NotFound):
        services.vote(
            replace(demoted, roles=("viewer",)),
            CALL,
            request.id,
            verdict="approve",
            sha256=request.sha256,
        )


def test_one_person_has_one_vote(circle: Circle) -> None:
    circle.number("tried", 2)
    request = asked(circle)
    assert circle.vote(1, request).status == "pending"

    with pytest.raises(VotedAlready):
        circle.vote(1, request)

    assert circle.vote(2, request).status == "approved"


def test_one_refusal_ends_it_and_says_why(circle: Circle) -> None:
    circle.number("tried", 2)
    request = asked(circle)
    with pytest.raises(Unprocessable):
        circle.vote(1, request, verdict="refuse")

    circle.vote(1, request, verdict="refuse", reason="Too broad.")

    with pytest.raises(RequestClosed):
        circle.vote(2, request)
    with pytest.raises(ApprovalNeeded):
        used(circle)


def age(circle: Circle, request: ApprovalRequest, by: timedelta) -> None:
    with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as session:
        session.execute(
            "UPDATE stateward_approval_request SET expires_at = expires_at - %s WHERE id = %s",
            (by, request.id),
        )


def test_it_lasts_72_hours(circle: Circle) -> None:
    request = asked(circle)
    assert timedelta(hours=71) < request.expires_at - request.asked_at <= timedelta(hours=72)
    circle.vote(1, request)
    age(circle, request, timedelta(hours=73))

    with pytest.raises(ApprovalNeeded):
        used(circle)

    again = asked(circle)
    age(circle, again, timedelta(hours=73))
    with pytest.raises(RequestClosed):
        circle.vote(1, again)


def test_a_change_of_what_it_is_about_voids_it(circle: Circle) -> None:
    request = asked(circle)
    circle.vote(1, request)

    with tenant_scope(circle.tenant.id):
        assert services.void(circle.actor(0), CALL, "tried", subject_id="p1") == 1

    with pytest.raises(ApprovalNeeded):
        used(circle)


def test_only_whoever_asked_takes_it_back(circle: Circle) -> None:
    request = asked(circle)

    with pytest.raises(MayNotVote):
        services.withdraw(circle.actor(1), CALL, request.id)
    services.withdraw(circle.actor(0), CALL, request.id)

    with pytest.raises(RequestClosed):
        circle.vote(1, request)


def test_the_same_is_asked_once_at_a_time(circle: Circle) -> None:
    request = asked(circle)

    with pytest.raises(AlreadyAsked) as told:
        asked(circle, by=1)

    assert told.value.members["approval"] == str(request.id)


def test_nobody_is_asked_where_nobody_has_to_agree(circle: Circle) -> None:
    circle.number("tried", 0)

    assert used(circle) == ()
    with pytest.raises(ApprovalNotNeeded):
        asked(circle)
    with pytest.raises(ApprovalNeeded):
        used(circle, at_least=1)


def test_an_owner_alone_is_told_how_to_go_on() -> None:
    alone = make_circle(1)

    with pytest.raises(TooFewApprovers, match="invite somebody"):
        asked(alone)


def test_a_number_raised_since_asks_for_more(circle: Circle) -> None:
    circle.vote(1, asked(circle))
    circle.number("tried", 2)

    with pytest.raises(ApprovalNeeded):
        used(circle)

    again = asked(circle)
    circle.vote(1, again)
    circle.vote(2, again)
    assert len(used(circle)) == 2


def test_another_tenant_sees_and_votes_on_nothing(circle: Circle) -> None:
    request = asked(circle)
    stranger = make_circle(2)

    with pytest.raises(NoSuchRequest):
        stranger.vote(0, request)
    with tenant_scope(stranger.tenant.id):
        assert not ApprovalRequest.objects.exists()
        with pytest.raises(NoSuchRequest):
            queries.readable_request(stranger.actor(0), CALL, request.id)


def test_what_was_asked_for_cannot_be_rewritten(circle: Circle) -> None:
    request = asked(circle)

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_scope(circle.tenant.id),
    ):
        ApprovalRequest.objects.filter(id=request.id).update(content={})
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_scope(circle.tenant.id),
    ):
        ApprovalVote.objects.filter(request=request).delete()


def test_a_number_is_raised_at_once_and_lowered_by_approval(circle: Circle) -> None:
    owner = circle.actor(0)
    assert set_number(owner, CALL, "hold.release", number=2) is None

    request = set_number(owner, CALL, "hold.release", number=0, reason="We are three.")

    assert request is not None
    assert request.needed == 2
    assert number_of(circle) == 2
    circle.vote(1, request)
    assert number_of(circle) == 2
    circle.vote(2, request)
    assert number_of(circle) == 0
    with tenant_scope(circle.tenant.id):
        assert ApprovalSetting.objects.get(kind="hold.release").changed_by_name == "Owner 2"


def number_of(circle: Circle) -> int:
    with tenant_scope(circle.tenant.id):
        return services.needed(circle.tenant.id, "hold.release")


def hold_of(circle: Circle) -> Hold:
    return place_hold(circle.actor(0), CALL, matter="DOT-114", reason="A regulator asked.")


def test_a_hold_is_released_by_two(circle: Circle) -> None:
    hold = hold_of(circle)
    with pytest.raises(ApprovalNeeded):
        release_hold(circle.actor(0), CALL, hold.id, reason="Over.")
    request = ask_to_release(circle.actor(0), CALL, hold.id, reason="Over.")

    circle.vote(1, request)
    released = release_hold(circle.actor(0), CALL, hold.id, reason="Over.")

    assert released.released_at is not None
    with tenant_scope(circle.tenant.id):
        [vote] = ApprovalVote.objects.filter(request=request)
    assert approvals_of(circle.tenant.id, "hold.released") == [[str(vote.id)]]


def approvals_of(tenant_id: UUID, event: str) -> list[list[str]]:
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(record, 'UTF8')::jsonb -> 'approvals' FROM stateward_audit_record"
            " WHERE tenant_id = %s"
            " AND convert_from(record, 'UTF8')::jsonb #>> '{details,event}' = %s",
            (tenant_id, event),
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


TEXTS = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from(["", "a", "ab", "é"]) | st.integers(0, 9)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # loading is slow at first
@given(TEXTS, TEXTS)
def test_two_contents_have_one_hash_only_if_they_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    same_hash = services.content_hash(one) == services.content_hash(dict(reversed(other.items())))
    assert same_hash is (one == other)
