"""Alerts reach whom they are routed to: by letter, by signed call, once, again if need be."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from governance.delivery.models import Delivery, Route
from governance.delivery.planning import plan
from governance.delivery.sending import send_waiting
from governance.detection.models import Alert
from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from stateward.web.webhooks import secret_from, verify
from tests.delivery.receivers import Post, Receiver, post_office, receiver
from tests.factories.api import Api, audit_events, new_tenant
from tests.factories.tenants import make_member

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def tenant() -> Tenant:
    return new_tenant()


@pytest.fixture
def api(tenant: Tenant) -> Api:
    with tenant_scope(tenant.id):
        return Api(make_member(tenant, "owner"))


@pytest.fixture
def post(settings: Any) -> Generator[Post, None, None]:
    with post_office() as office:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", office.port
        settings.EMAIL_USE_TLS = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield office


@pytest.fixture
def hook(settings: Any) -> Generator[Receiver, None, None]:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    with receiver() as made:
        yield made


def raised(
    tenant: Tenant, *, severity: str = "high", rule: str = "many_refusals", **f: Any
) -> Alert:
    with tenant_scope(tenant.id):
        moment = now()
        about = {"subject_type": "agent", "subject_id": str(uuid7()), "subject_name": "booker"}
        return Alert.objects.create(
            **{
                "tenant_id": tenant.id, "rule": rule, "severity": severity, "count": 1,
                "said": "booker was refused 21 times.", "first_at": moment, "last_at": moment,
            } | about | f
        )  # fmt: skip


def routed(api: Api, **fields: Any) -> Any:
    body = {"name": "on call", "kind": "email", "severity": "low", **fields}
    if body["kind"] == "email":
        body.setdefault("addresses", ["ops@example.com"])
    answer = api("POST", "/alert-routes", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def tick(tenant: Tenant, *, later: timedelta = timedelta()) -> int:
    """One pass, as if it were so much later; how many messages it made."""
    with tenant_scope(tenant.id):
        made = plan(tenant, now() + later)
    send_waiting(tenant.id)
    return made


def hurry(tenant: Tenant) -> None:
    """As if the time to wait were over."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_alert_delivery SET next_at = now() WHERE state = 'waiting'"
        )


def log(api: Api, **query: str) -> list[Any]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return list(api("GET", f"/alert-deliveries?{asked}").json()["items"])


def test_an_alert_is_told_by_letter_once(tenant: Tenant, api: Api, post: Post) -> None:
    routed(api, addresses=["ops@example.com", "soc@example.com"])
    alert = raised(tenant)

    assert [tick(tenant), tick(tenant)] == [1, 0]

    (letter,) = post.letters
    assert post.recipients == [["ops@example.com", "soc@example.com"]]
    assert letter["Subject"] == "Stateward, T: High: booker was refused 21 times."
    text = letter.get_content()
    assert f"/t/{tenant.slug}/alerts/{alert.id}/" in text
    assert "booker (agent)" in text
    (sent,) = log(api)
    assert (sent["state"], sent["attempts"], sent["alerts"]) == ("sent", 1, [str(alert.id)])
    assert sent["said"] == "Taken by the mail server for 2 addresses."


def test_what_the_mail_server_refuses_is_tried_again_and_seen(
    tenant: Tenant, api: Api, post: Post
) -> None:
    route = routed(api)
    raised(tenant)
    post.answers = ["451 later", "451 later"]

    tick(tenant)
    (waiting,) = log(api)
    failing = api("GET", f"/alert-routes/{route['id']}").json()
    assert (waiting["state"], waiting["said"]) == ("waiting", "The mail server answered 451.")
    assert failing["failing_since"] is not None
    assert ("alert.manage", "alert.not_delivered", "error") in audit_events(tenant.id)
    tick(tenant)  # not yet: the ladder's first step is 5 s
    for _ in range(2):
        hurry(tenant)
        tick(tenant)

    assert [(one["state"], one["attempts"]) for one in log(api)] == [("sent", 3)]
    assert len(post.letters) == 1
    assert api("GET", f"/alert-routes/{route['id']}").json()["failing_since"] is None


def test_a_webhook_is_signed_and_its_secret_is_shown_once(
    tenant: Tenant, api: Api, hook: Receiver
) -> None:
    route = routed(api, kind="webhook", url=hook.url)
    alert = raised(tenant)

    tick(tenant)

    ((headers, body),) = hook.calls
    verify(secret_from(route["secret"]), headers, body, now())
    said = json.loads(body)
    assert (said["type"], said["tenant"]) == ("alert.opened", tenant.slug)
    assert [one["id"] for one in said["data"]["alerts"]] == [str(alert.id)]
    assert "secret" not in api("GET", f"/alert-routes/{route['id']}").json()
    with tenant_scope(tenant.id):
        kept = bytes(Route.objects.get(id=route["id"]).secret or b"")
    assert secret_from(route["secret"]) not in kept


def test_a_receiver_that_fails_gets_the_same_message_again_and_one_that_is_gone_no_more(
    tenant: Tenant, api: Api, hook: Receiver
) -> None:
    route = routed(api, kind="webhook", url=hook.url)
    raised(tenant)
    hook.answers = [500, 410]

    tick(tenant)
    hurry(tenant)
    tick(tenant)

    first, second = hook.calls
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]
    assert [one["state"] for one in log(api)] == ["given_up"]
    off = api("GET", f"/alert-routes/{route['id']}").json()
    assert (off["enabled"], "410" in off["disabled_why"]) == (False, True)
    raised(tenant)
    tick(tenant)
    assert len(hook.calls) == 2


def test_an_address_inside_is_not_called(tenant: Tenant, api: Api) -> None:
    routed(api, kind="webhook", url="https://169.254.169.254/latest")
    raised(tenant)

    tick(tenant)

    assert [one["said"][:9] for one in log(api)] == ["Not sent:"]


def test_what_was_given_up_is_sent_again_when_somebody_says_so(
    tenant: Tenant, api: Api, hook: Receiver
) -> None:
    routed(api, kind="webhook", url=hook.url)
    raised(tenant)
    hook.answers = [410]
    tick(tenant)
    (lost,) = log(api, state="given_up")
    api("PATCH", f"/alert-routes/{lost['route']}", {"enabled": True})

    again = api("POST", f"/alert-deliveries/{lost['id']}/retry").json()
    tick(tenant)

    assert again["state"] == "waiting"
    assert [one["state"] for one in log(api)] == ["sent"]
    answer = api("POST", f"/alert-deliveries/{lost['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_given_up")


def test_a_route_is_tried_by_a_button(tenant: Tenant, api: Api, post: Post) -> None:
    route = routed(api)

    taken = api("POST", f"/alert-routes/{route['id']}/test").json()
    post.answers = ["554 no"]
    refused = api("POST", f"/alert-routes/{route['id']}/test").json()

    assert (taken["kind"], taken["state"]) == ("test", "sent")
    assert "This is a test" in post.letters[0].get_content()
    assert (refused["state"], refused["said"]) == ("given_up", "The mail server answered 554.")


def test_the_ladder_speaks_of_what_nobody_took_up(tenant: Tenant, api: Api, post: Post) -> None:
    routed(api, after_minutes=30)
    left, taken_up = raised(tenant), raised(tenant)
    assert api("PUT", f"/alerts/{taken_up.id}/acknowledgement").status_code == 200

    assert tick(tenant, later=timedelta(minutes=29)) == 0
    assert tick(tenant, later=timedelta(minutes=31)) == 1

    assert "Nobody has acknowledged" in post.letters[0]["Subject"]
    assert [one["alerts"] for one in log(api)] == [[str(left.id)]]


def test_a_digest_gathers_and_a_flood_is_told_together(
    tenant: Tenant, api: Api, post: Post
) -> None:
    routed(api, name="digest", digest_minutes=60)
    routed(api, name="at once", addresses=["two@example.com"])
    for _ in range(12):
        raised(tenant)

    assert tick(tenant) == 1
    assert tick(tenant, later=timedelta(minutes=61)) == 1

    assert [one["Subject"] for one in post.letters] == ["Stateward, T: 12 alerts"] * 2
    assert {one["route_name"] for one in log(api)} == {"digest", "at once"}


def test_quiet_hours_hold_back_all_but_the_critical(tenant: Tenant, api: Api, post: Post) -> None:
    moment = now()
    minute = moment.hour * 60 + moment.minute
    routed(api, quiet_from=(minute - 10) % 1440, quiet_to=(minute + 30) % 1440)
    raised(tenant)
    raised(tenant, severity="critical")

    assert tick(tenant) == 1
    assert tick(tenant, later=timedelta(minutes=45)) == 1

    assert ["Critical" in one["Subject"] for one in post.letters] == [True, False]


def test_routes_choose_by_severity_rule_and_namespace(tenant: Tenant, api: Api, post: Post) -> None:
    routed(api, severity="high")
    routed(api, name="rules", rules=["read_volume"], addresses=["r@example.com"])
    routed(api, name="places", namespaces=["airline"], addresses=["p@example.com"])
    raised(tenant, severity="medium")
    raised(tenant, severity="low", rule="read_volume")
    raised(
        tenant, severity="low", rule="quota_nearly_full", subject_type="namespace",
        subject_name="airline.bookings",
    )  # fmt: skip

    tick(tenant)

    assert sorted(post.recipients) == [["p@example.com"], ["r@example.com"]]


def test_alerts_that_were_there_before_the_route_are_not_told(
    tenant: Tenant, api: Api, post: Post
) -> None:
    raised(tenant)
    routed(api)

    assert tick(tenant) == 0


def test_a_subject_with_line_breaks_does_not_break_a_letters_head(
    tenant: Tenant, api: Api, post: Post
) -> None:
    routed(api)
    raised(tenant, said="a\r\nBcc: all@example.com\n\u202eb", subject_name="x\ny")

    tick(tenant)

    assert post.letters[0]["Bcc"] is None
    assert post.recipients == [["ops@example.com"]]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"addresses": []}, "/addresses"),
        ({"addresses": ["no address"]}, "/addresses/0"),
        ({"addresses": ["a@b.example\nBcc: c@d.example"]}, "/addresses/0"),
        ({"kind": "webhook", "url": "http://example.com/x"}, "/url"),
        ({"kind": "webhook", "url": "https://u:p@example.com/x"}, "/url"),
        ({"rules": ["no_rule"]}, "/rules/0"),
        ({"quiet_from": 10}, "/quiet_to"),
        ({"name": " "}, "/name"),
    ],
)
def test_what_is_no_route_is_refused(api: Api, fields: Any, pointer: str) -> None:
    body = {"name": "r", "kind": "email", "severity": "low", "addresses": ["a@b.example"], **fields}
    if body["kind"] == "webhook":
        del body["addresses"]

    answer = api("POST", "/alert-routes", body)

    assert answer.status_code in {400, 422}
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_another_tenant_and_an_auditor_change_nothing(tenant: Tenant, api: Api, post: Post) -> None:
    route = routed(api)
    raised(tenant)
    tick(tenant)
    (sent,) = log(api)
    other = new_tenant()
    with tenant_scope(other.id):
        stranger = Api(make_member(other, "owner"))
    with tenant_scope(tenant.id):
        auditor = Api(make_member(tenant, "auditor"))

    assert stranger("GET", "/alert-routes").json()["items"] == []
    assert stranger("GET", "/alert-deliveries").json()["items"] == []
    for method, path in (
        ("GET", f"/alert-routes/{route['id']}"),
        ("DELETE", f"/alert-routes/{route['id']}"),
        ("POST", f"/alert-routes/{route['id']}/test"),
        ("POST", f"/alert-deliveries/{sent['id']}/retry"),
    ):
        assert stranger(method, path).status_code == 404
        expected = 200 if method == "GET" else 403
        assert auditor(method, path).status_code == expected
    with tenant_scope(tenant.id):
        assert Delivery.objects.count() == 1
    assert datetime.fromisoformat(sent["sent_at"]) <= now()
