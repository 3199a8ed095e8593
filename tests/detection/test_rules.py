"""Each rule with what fires it, and with what comes close and must not."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from governance.detection.rules import RULES
from stateward.kernel.ids import uuid7
from stateward.state.bounds import Quota, put_quota
from stateward.state.usage import Usage, add_usage
from stateward.tenancy.models import Agent, Credential, Member, Tenant
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import seal
from tests.detection.scenes import (
    acting,
    alerts,
    failure,
    linked,
    look,
    minutes_ago,
    said,
    write,
)
from tests.factories.api import Api, new_tenant
from tests.factories.tenants import make_agent, make_key, make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def member(tenant: Tenant) -> Member:
    return make_member(tenant, "admin")


@pytest.fixture
def agent(tenant: Tenant) -> Agent:
    return make_agent(tenant, "writer", name="booker")


def own_address() -> str:
    """An address that no other test uses."""
    raw = uuid7().bytes
    return f"2001:db8:{raw[-2]:x}{raw[-1]:02x}:{raw[-4]:x}{raw[-3]:02x}::1"


def one(tenant: Tenant, rule: str) -> Any:
    found = alerts(tenant.id, rule)
    assert len(found) == 1, [alert.said for alert in alerts(tenant.id)]
    return found[0]


def test_1_failures_of_one_account_fire(tenant: Tenant, member: Member) -> None:
    address = own_address()
    for number in range(5):
        failure(member.person.email, address, ago=minutes_ago(number))

    look(tenant)
    look(tenant)

    alert = one(tenant, "sign_in_failures")
    assert (alert.subject_type, alert.subject_id) == ("member", str(member.id))
    assert alert.said == "Signing in as Pat failed 5 times."
    assert alert.count == 5


def test_1_four_failures_and_slow_ones_do_not_fire(tenant: Tenant, member: Member) -> None:
    address = own_address()
    for number in range(4):
        failure(member.person.email, address, ago=minutes_ago(number))
    for number in range(2):
        failure(member.person.email, address, ago=minutes_ago(40 + 15 * number))

    look(tenant)
    look(tenant)

    assert alerts(tenant.id) == []


def test_2_one_address_that_tries_many_accounts_fires(tenant: Tenant) -> None:
    address = own_address()
    for _ in range(4):
        failure(make_member(tenant).person.email, address)

    look(tenant)
    look(tenant)

    alert = one(tenant, "password_spraying")
    assert (alert.subject_type, alert.subject_id) == ("address", address)


def test_2_many_failures_of_three_accounts_are_no_spraying(tenant: Tenant) -> None:
    address = own_address()
    for email in [make_member(tenant).person.email for _ in range(3)] * 2:
        failure(email, address)

    look(tenant)
    look(tenant)

    assert said(tenant, "password_spraying") == []


def test_3_a_sign_in_after_a_burst_fires(tenant: Tenant, member: Member) -> None:
    for number in range(4):
        failure(member.person.email, own_address(), ago=minutes_ago(5 - number))
    look(tenant)
    write(acting(member), "account.signed_in", about=("member", str(member.id)))

    look(tenant)

    assert said(tenant, "sign_in_after_failures") == [
        "Pat signed in after 4 failed attempts: someone may have guessed."
    ]


def test_3_a_sign_in_before_the_failures_does_not_fire(tenant: Tenant, member: Member) -> None:
    write(acting(member), "account.signed_in", ago=minutes_ago(9))
    for number in range(4):
        failure(member.person.email, own_address(), ago=minutes_ago(5 - number))

    look(tenant)
    look(tenant)

    assert said(tenant, "sign_in_after_failures") == []


@pytest.mark.parametrize("event", ["account.factor_removed", "account.recovery_code_used"])
def test_6_a_weakened_second_factor_fires(tenant: Tenant, member: Member, event: str) -> None:
    write(acting(member), event, about=("member", str(member.id)))

    look(tenant)

    assert one(tenant, "second_factor_weakened").subject_id == str(member.id)


def test_6_a_new_second_factor_does_not_fire(tenant: Tenant, member: Member) -> None:
    write(acting(member), "account.factor_added", about=("member", str(member.id)))

    look(tenant)

    assert alerts(tenant.id) == []


def use(tenant: Tenant, key: UUID, address: str, at: str = "clock_timestamp()") -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE stateward_credential SET last_used_at = {at}, last_used_address = %s "
            "WHERE tenant_id = %s AND id = %s",
            (address, tenant.id, key),
        )


def test_7_a_key_from_a_new_network_fires(tenant: Tenant, agent: Agent) -> None:
    key = make_key(agent)
    use(tenant, key.id, "198.51.100.4")
    look(tenant)
    use(tenant, key.id, "203.0.113.9")

    look(tenant)

    assert said(tenant, "key_from_elsewhere") == [
        "A key of booker was used from a network it never came from: 203.0.113.0."
    ]


def test_7_another_address_of_a_known_network_does_not_fire(tenant: Tenant, agent: Agent) -> None:
    key = make_key(agent)
    for address in ("198.51.100.4", "198.51.100.77"):
        use(tenant, key.id, address)
        look(tenant)

    assert alerts(tenant.id) == []


@pytest.mark.parametrize(("days", "fires"), [(61, True), (59, False)])
def test_7_a_key_that_slept_fires(tenant: Tenant, agent: Agent, days: int, fires: bool) -> None:
    key = make_key(agent)
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_detection_network VALUES "
            "(%s, %s, '198.51.100.0/24', now() - %s::interval, now() - %s::interval)",
            (tenant.id, key.id, timedelta(days=days), timedelta(days=days)),
        )
    use(tenant, key.id, "198.51.100.4")

    look(tenant)

    assert bool(alerts(tenant.id)) is fires


def revoke(tenant: Tenant, key: UUID, ago: timedelta) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_credential SET revoked_at = now() - %s::interval "
            "WHERE tenant_id = %s AND id = %s",
            (ago, tenant.id, key),
        )


@pytest.mark.parametrize(("ago", "fires"), [(timedelta(hours=1), True), (timedelta(0), False)])
def test_8_a_key_used_long_after_its_end_fires(
    tenant: Tenant, agent: Agent, ago: timedelta, fires: bool
) -> None:
    api = Api(agent)
    revoke(tenant, api.key.id, ago)

    assert api("GET", "/agents").status_code == 401
    look(tenant)

    assert bool(said(tenant, "key_used_after_end")) is fires


def test_9_a_walk_through_ids_fires_and_links_each_refusal(tenant: Tenant, agent: Agent) -> None:
    api = Api(make_member(tenant, "viewer"))
    for _ in range(20):
        assert api("GET", f"/agents/{uuid7()}").status_code == 404

    look(tenant)

    alert = one(tenant, "many_refusals")
    assert alert.count == 20
    assert len(linked(alert)) == 20


def test_9_asking_for_the_same_thing_again_and_again_does_not_fire(
    tenant: Tenant, agent: Agent
) -> None:
    for number in range(30):
        write(
            acting(agent),
            "state.write",
            outcome="deny_no_match",
            about=("entry", str(number % 19)),
            details={"count": 500},
        )

    look(tenant)

    assert said(tenant, "many_refusals") == []


def test_11_naming_another_tenant_fires(tenant: Tenant, agent: Agent) -> None:
    answer = Api(agent)("GET", "/agents", Stateward_Tenant=new_tenant().slug)
    nobody = Api(agent)("GET", "/agents", Stateward_Tenant="no-such-tenant")

    look(tenant)

    assert answer.status_code == nobody.status_code == 401
    assert answer.json() | {"instance": ""} == nobody.json() | {"instance": ""}
    assert one(tenant, "foreign_tenant").severity == "high"


def test_11_naming_ones_own_tenant_does_not_fire(tenant: Tenant, agent: Agent) -> None:
    Api(agent)("GET", "/agents", Stateward_Tenant=tenant.slug)

    look(tenant)

    assert said(tenant, "foreign_tenant") == []


def read(tenant: Tenant, holder: Agent | Member, count: int, days_ago: int = 0) -> None:
    """Reads as they are counted by the minute."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_audit_read_count (tenant_id, minute, class, actor_type, "
            "actor_id, action, classification, decision, count) VALUES (%s, "
            "date_trunc('minute', now()) - %s::interval, %s, 'agent', %s, 'state.read_value', "
            "'internal', '{}', %s)",
            (tenant.id, timedelta(days=days_ago), uuid7().bytes, holder.id, count),
        )


def change_roles(tenant: Tenant, admin: Member, agent: Agent, **details: Any) -> UUID:
    details = {"event": "agent.changed", "roles_before": ["reader"], "roles": ["writer"]} | details
    return write(acting(admin), "agent.manage", about=("agent", str(agent.id)), details=details)


def test_12_much_reading_after_a_change_of_rights_fires(
    tenant: Tenant, member: Member, agent: Agent
) -> None:
    changed = change_roles(tenant, member, agent)
    read(tenant, agent, 400)
    for _ in range(100):
        write(acting(agent), "state.read_value", about=("entry", "x"))

    look(tenant)

    alert = one(tenant, "read_after_rights_changed")
    assert (alert.subject_name, alert.count, linked(alert)) == ("booker", 500, {changed})


def test_12_the_same_reading_after_a_new_description_does_not_fire(
    tenant: Tenant, member: Member, agent: Agent
) -> None:
    change_roles(tenant, member, agent, roles_before=["writer"])
    read(tenant, agent, 5_000)

    look(tenant)

    assert said(tenant, "read_after_rights_changed") == []


def test_13_reaching_for_more_rights_fires(tenant: Tenant) -> None:
    admin = make_member(tenant, "admin")
    roles = {"roles": ["owner"]}

    answer = Api(admin)("PATCH", f"/members/{admin.id}", roles)
    look(tenant)

    assert answer.status_code == 403, answer.content
    assert one(tenant, "reaching_for_rights").subject_id == str(admin.id)


def test_13_giving_what_one_may_give_does_not_fire(tenant: Tenant) -> None:
    admin, other = make_member(tenant, "admin"), make_member(tenant, "viewer")

    answer = Api(admin)("PATCH", f"/members/{other.id}", {"roles": ["editor"]})
    look(tenant)

    assert answer.status_code == 200, answer.content
    assert alerts(tenant.id) == []


def test_16_a_forbid_that_fails_fires(tenant: Tenant, agent: Agent) -> None:
    write(
        acting(agent),
        "state.write",
        outcome="deny_error",
        decision={"id": str(uuid7()), "determining": ["night-shift v1 (line 1)"]},
    )

    look(tenant)

    assert said(tenant, "policy_errors") == [
        "night-shift v1 (line 1) could not be evaluated, once. Each time the answer was no."
    ]


def test_16_a_forbid_that_holds_does_not_fire(tenant: Tenant, agent: Agent) -> None:
    write(acting(agent), "state.write", outcome="deny_forbid")

    look(tenant)

    assert alerts(tenant.id) == []


def known_for(tenant: Tenant, agent: Agent, days: int, reads: int) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stateward_detection_volume (tenant_id, actor_id, day, actor_type, counted)"
            " SELECT %s, %s, (now() AT TIME ZONE 'UTC')::date - n, 'agent', %s"
            " FROM generate_series(1, %s) n",
            (tenant.id, agent.id, reads, days),
        )


@pytest.mark.parametrize(
    ("days", "usual", "today", "fires"),
    [(3, 400, 2_000, True), (3, 401, 2_000, False), (2, 10, 2_000, False), (5, 100, 999, False)],
    ids=["five times", "less than five times", "hardly known", "below the floor"],
)
def test_17_five_times_its_own_median_fires(
    tenant: Tenant, agent: Agent, days: int, usual: int, today: int, fires: bool
) -> None:
    known_for(tenant, agent, days, usual)
    read(tenant, agent, today - 10)
    for _ in range(10):
        write(acting(agent), "state.read_value", about=("entry", "x"))

    look(tenant)
    look(tenant)

    assert [one.count for one in alerts(tenant.id, "read_volume")] == ([today] if fires else [])


def unopened(tenant: Tenant, agent: Agent, count: int) -> None:
    write(
        acting(agent),
        "state.read_value",
        outcome="error",
        reason="cannot_decrypt: altered, or moved from its place",
        about=("entry", "x"),
        details={"count": count},
        namespace_id=uuid7(),
    )


@pytest.mark.parametrize(("count", "fires"), [(3, True), (2, False)])
def test_20_values_that_do_not_open_fire(
    tenant: Tenant, agent: Agent, count: int, fires: bool
) -> None:
    unopened(tenant, agent, count)

    look(tenant)

    found = alerts(tenant.id, "values_do_not_open")
    assert [one.severity for one in found] == (["critical"] if fires else [])


def written_before(tenant: Tenant, agent: Agent, seconds: int) -> None:
    """A record that was written so long ago, and is sealed by nobody."""
    record = write(acting(agent), "state.write")
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM stateward_audit_record WHERE false")
        names = [
            one.name for one in cursor.description if one.name not in {"at", "id", "entry_key"}
        ]
        cursor.execute(
            f"INSERT INTO stateward_audit_record (at, id, {', '.join(names)}) "
            f"SELECT at - %s * interval '1 second', %s, {', '.join(names)} "
            "FROM stateward_audit_record WHERE tenant_id = %s AND id = %s",
            (seconds, uuid7(), tenant.id, record),
        )


@pytest.mark.parametrize(("seconds", "fires"), [(70, True), (40, False)])
def test_21_records_that_wait_for_a_seal_fire(
    tenant: Tenant, agent: Agent, seconds: int, fires: bool
) -> None:
    written_before(tenant, agent, seconds)

    look(tenant)

    assert [one.severity for one in alerts(tenant.id, "sealing_late")] == ["high"] * fires


def test_21_a_held_log_fires_as_critical(tenant: Tenant, agent: Agent) -> None:
    write(acting(agent), "state.write")
    seal(Path(settings.HOME) / "seals")
    with psycopg.connect(os.environ["STATEWARD_SEQUENCER_DATABASE_URL"]) as sequencer:
        sequencer.execute(
            "UPDATE stateward_audit_tree SET alarm = 'another root' WHERE tenant_id = %s",
            (tenant.id,),
        )

    look(tenant)

    held = one(tenant, "sealing_late")
    assert (held.severity, held.said) == ("critical", "Sealing is held: another root")


@pytest.mark.parametrize(("used", "said"), [(79, []), (80, ["medium"]), (100, ["high"])])
def test_22_a_quota_that_is_nearly_full_fires(
    tenant: Tenant, agent: Agent, used: int, said: list[str]
) -> None:
    with tenant_scope(tenant.id):
        run_flow(put_quota(tenant.id, tenant.id, Quota(entries=100)))
    usage = Usage()
    usage.note(tenant.id, uuid7(), entries=used)
    run_flow(add_usage(usage))

    look(tenant)
    look(tenant)

    found = alerts(tenant.id, "quota_nearly_full")
    assert [one.severity for one in found] == said
    assert all(
        one.said == f"{used} % of the quota of entries of the tenant is used." for one in found
    )


def test_every_rule_has_its_data() -> None:
    assert {rule.number for rule in RULES.values()} == {
        1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 26
    }  # fmt: skip
    for rule in RULES.values():
        assert rule.title
        assert rule.why.endswith(".")
        assert rule.advice.endswith(".")
        assert rule.tags
        assert all(one.least <= one.usual <= one.most for one in rule.thresholds)


def test_a_credential_is_named_by_no_alert(tenant: Tenant, agent: Agent) -> None:
    api = Api(agent)
    revoke(tenant, api.key.id, timedelta(hours=1))
    api("GET", "/agents")
    look(tenant)
    with tenant_scope(tenant.id):
        credential = Credential.objects.get(id=api.key.id)

    told = str([vars(one) for one in alerts(tenant.id)])

    assert alerts(tenant.id)
    assert credential.key_id not in told


def test_nothing_is_told_of_an_installation_that_is_well(tenant: Tenant, agent: Agent) -> None:
    api = Api(agent)
    for _ in range(3):
        api("GET", "/agents")
        Client().get("/healthz")

    look(tenant)

    assert alerts(tenant.id) == []
