"""A credential becomes an actor, or one of two refusals."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from django.db import connection

from stateward.kernel.clock import now
from stateward.kernel.errors import StatewardError
from stateward.tenancy import authenticate as module
from stateward.tenancy.actors import Actor
from stateward.tenancy.authenticate import authenticate
from stateward.tenancy.exceptions import BadCredential, NotActive
from stateward.tenancy.models import Credential
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.tenancy.tokens import Token, new_token
from stateward.tenancy.usage import Use, Uses, touch_credentials
from tests.factories.tenants import make_agent, make_key, make_member, make_person, make_tenant

pytestmark = pytest.mark.usefixtures("database")


def enter(token: str) -> Actor:
    return run_flow(authenticate(token))


def test_an_agents_key_names_the_agent_and_its_tenant() -> None:
    tenant = make_tenant()
    agent = make_agent(tenant, "builder", framework="plain", team="ops", purpose="books flights")
    key = make_key(agent, scopes=["state.read_value"])

    actor = enter(key.text)

    assert (actor.type, actor.id, actor.tenant_id) == ("agent", agent.id, tenant.id)
    assert actor.roles == ("builder",)
    assert actor.attributes["purpose"] == "books flights"
    assert actor.scopes == {"state.read_value"}
    assert actor.credential_id == key.id
    assert actor.ends_at is not None


def test_a_members_token_names_the_member() -> None:
    tenant = make_tenant()
    member = make_member(tenant, "editor", person=make_person(name="Alice"))

    actor = enter(make_key(member).text)

    assert (actor.type, actor.id, actor.name) == ("member", member.id, "Alice")
    assert (actor.auth_method, actor.mfa) == ("token", False)


@pytest.mark.parametrize("text", ["", "sw_", "Bearer x", "sw_" + "a" * 12 + "_" + "b" * 49])
def test_what_is_no_credential_is_refused(text: str) -> None:
    with pytest.raises(BadCredential):
        enter(text)


def test_unknown_wrong_revoked_and_expired_are_refused_with_one_sentence() -> None:
    agent = make_agent(make_tenant())
    wrong = Token(make_key(agent).key_id, new_token().secret)
    revoked = make_key(agent, revoked_at=now())
    expired = make_key(agent, expires_at=now() - timedelta(seconds=1))

    sentences = set()
    for text in (new_token().text, wrong.text, revoked.text, expired.text):
        with pytest.raises(BadCredential) as refusal:
            enter(text)
        sentences.add(refusal.value.detail)

    assert len(sentences) == 1


@pytest.mark.parametrize("status", ["paused", "retired"])
def test_an_agent_that_is_not_active_is_told_so(status: str) -> None:
    with pytest.raises(NotActive, match=status):
        enter(make_key(make_agent(make_tenant(), status=status)).text)


def test_members_and_people_who_are_not_active_are_refused() -> None:
    tenant = make_tenant()
    suspended = make_member(tenant, is_active=False)
    disabled = make_member(tenant, person=make_person(is_active=False))

    for member in (suspended, disabled):
        with pytest.raises(NotActive):
            enter(make_key(member).text)


def test_a_closed_tenant_answers_nobody() -> None:
    with pytest.raises(NotActive, match="closed"):
        enter(make_key(make_agent(make_tenant(status="closed"))).text)


def test_only_the_holder_of_the_secret_learns_that_an_agent_is_paused() -> None:
    key = make_key(make_agent(make_tenant(), status="paused"))

    with pytest.raises(BadCredential):
        enter(Token(key.key_id, new_token().secret).text)


def test_a_secret_hashed_under_the_former_key_is_still_known(settings: object) -> None:
    key = make_key(make_agent(make_tenant()))
    former = settings.SECRET_KEY  # type: ignore[attr-defined]

    settings.SECRET_KEY = "the next one"  # type: ignore[attr-defined]
    with pytest.raises(StatewardError):
        enter(key.text)
    settings.SECRET_KEY_FALLBACKS = [former]  # type: ignore[attr-defined]

    assert enter(key.text).type == "agent"


def test_secrets_are_compared_in_constant_time_and_never_with_equals() -> None:
    source = inspect.getsource(module)

    assert "compare_digest" in source
    assert "secret_hash ==" not in source


def test_authentication_leaves_no_tenant_behind_on_the_connection() -> None:
    enter(make_key(make_agent(make_tenant())).text)

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('stateward.tenant', true)")
        assert cursor.fetchone() in {("",), (None,)}


def test_a_use_is_written_once_a_minute() -> None:
    tenant = make_tenant()
    key = make_key(make_agent(tenant))

    run_flow(touch_credentials([Use(tenant.id, key.id, "192.0.2.7")]))
    run_flow(touch_credentials([Use(tenant.id, key.id, "192.0.2.8")]))

    with tenant_scope(tenant.id):
        credential = Credential.objects.get(id=key.id)
    assert credential.last_used_at is not None
    assert credential.last_used_address == "192.0.2.7"


def test_uses_are_collected_and_handed_out_once() -> None:
    uses, use = Uses(), Use(make_tenant().id, make_tenant().id, "")

    for _ in range(3):
        uses.note(use.tenant_id, use.credential_id, use.address)

    assert uses.drain() == [use]
    assert uses.drain() == []
    uses.note(use.tenant_id, use.credential_id, use.address)
    assert uses.drain() == []
