"""Records: canonical whatever is in them, bound to personal values, small, stored as hashed."""

import json
import os
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import rfc8785
from django.db import InternalError, ProgrammingError, connection
from hypothesis import given, settings
from hypothesis import strategies as st

from stateward.gate.audit.exceptions import is_audit_failure
from stateward.gate.audit.record import BODY_LIMIT, TEXT_LIMIT, Draft, append, compose, plain
from stateward.kernel.clock import rfc3339
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow, tenant_scope

TEXT = st.text(max_size=40) | st.text(st.characters(codec=None), max_size=10)
PLAIN = st.text(max_size=20)
NAME = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=8,
)


def an_actor(tenant_id: UUID | None = None) -> Actor:
    return Actor(
        type="agent", id=uuid4(), name="booker", tenant_id=tenant_id or uuid4(),
        tenant_slug="airline", roles=("builder",), credential_id=uuid4(),
    )  # fmt: skip


def a_draft(actor: Actor | None = None, call: Call | None = None, **more: Any) -> Draft:
    named = {"action": "state.write", "resource_type": "entry", "resource_id": "n"} | more
    return compose(actor=actor or an_actor(), call=call or Call(request_id="r-1"), **named)


def joined(draft: Draft, before: bytes | None = None, version: int | None = None) -> bytes:
    """What the database's function makes of the pieces, at a fixed time."""
    between = f'2026-11-21T09:42:17.031245Z","before_hash":{json.dumps(before and before.hex())}'
    return draft.head + between.encode() + draft.middle + json.dumps(version).encode() + b"}"


@given(
    texts=st.lists(TEXT, min_size=6, max_size=6),
    personal=st.dictionaries(NAME, TEXT, max_size=3),
    extra=st.dictionaries(NAME, VALUE, max_size=4),
    decision=st.none() | st.dictionaries(NAME, VALUE, max_size=4),
    after=st.none() | st.binary(min_size=32, max_size=32),
    version=st.none() | st.integers(1, 2**53 - 1),
)
def test_a_record_is_canonical_whatever_is_in_it(
    texts: list[str], personal: dict[str, str], extra: dict[str, Any],
    decision: dict[str, Any] | None, after: bytes | None, version: int | None,
) -> None:  # fmt: skip
    call = Call(
        request_id=texts[0], source_address=texts[1], user_agent=texts[2], purpose=texts[3],
        run=texts[4], on_behalf_of=texts[5], trace_id=texts[0],
    )  # fmt: skip
    decided = decision | {"id": uuid4()} if decision is not None else None

    draft = a_draft(
        call=call, personal=personal, extra=extra, decision=decided, after_hash=after,
        approvals=("a", "b"), reason=texts[1],
    )  # fmt: skip

    text = joined(draft, after, version)
    assert rfc8785.dumps(json.loads(text)) == text


def test_personal_values_are_bound_but_not_shown() -> None:
    call = Call(request_id="r", source_address="192.0.2.7", purpose="booking", on_behalf_of="bob")
    draft = a_draft(call=call, personal={"key": "EHGLP3"})
    record = json.loads(joined(draft))

    assert b"EHGLP3" not in joined(draft)
    assert b"192.0.2.7" not in joined(draft)
    assert set(record["personal"]) == {"key", "source_address", "purpose", "on_behalf_of"}
    for name, commitment in record["personal"].items():
        salt = bytes.fromhex(draft.payload["salts"][name])
        assert sha256(salt + draft.payload[name].encode()).hexdigest() == commitment


def test_equal_personal_values_do_not_look_equal() -> None:
    draft = a_draft(personal={"key": "same", "email": "same"})
    commitments = json.loads(joined(draft))["personal"]

    assert commitments["key"] != commitments["email"]


def test_what_is_too_large_is_replaced_by_its_hash() -> None:
    draft = a_draft(extra={"note": "x" * 10_000_000}, decision={"id": "d", "outcome": "allow"})
    record = json.loads(joined(draft))

    assert record["details"]["bytes"] > 10_000_000
    assert len(record["details"]["sha256"]) == 64
    assert record["decision"] == {"id": "d", "outcome": "allow"}
    assert len(joined(draft)) < BODY_LIMIT


def test_a_large_record_without_decision_is_capped_too() -> None:
    record = json.loads(joined(a_draft(extra={"note": "x" * 100_000})))

    assert record["decision"] is None
    assert record["details"]["bytes"] > 100_000


def test_texts_within_the_details_are_made_storable() -> None:
    extra = {"said": ["a\ud800", {"\ud800": 1}], "number": 2, "flag": True}

    record = json.loads(joined(a_draft(extra=extra, resource_id="n\x00", approvals=("a",))))

    assert record["details"] == {"said": ["a?", {"?": 1}], "number": 2, "flag": True}
    assert record["resource"]["id"] == "n\ufffd"


def test_a_huge_address_is_shortened_with_its_hash() -> None:
    draft = a_draft(call=Call(request_id="r", source_address="é" * 10_000_000))

    kept = draft.payload["source_address"]
    assert len(kept) < TEXT_LIMIT + 200
    assert sha256(("é" * 10_000_000).encode()).hexdigest() in kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            "a\nb\x1b\u202e",
            "a\nb\x1b\u202e",
        ),  # escaped in the JSON, so no line of a log can be forged
        ("a\x00b", "a\ufffdb"),
        ("é", "é"),
        ("a\ud800b", "a?b"),
        ("\ud800\x00", "?\ufffd"),
    ],
)
def test_texts_from_outside_are_made_storable(given: str, kept: str) -> None:
    assert plain(given) == kept


class TestStored:
    pytestmark = pytest.mark.usefixtures("database")

    def fetch(self, draft: Draft) -> tuple[bytes, Any, Any]:
        with tenant_scope(draft.tenant_id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT record, at, payload FROM stateward_audit_record"
                " WHERE tenant_id = %s AND id = %s",
                (draft.tenant_id, draft.id),
            )
            record, at, payload = cursor.fetchone()
        return bytes(record), at, json.loads(payload) if isinstance(payload, str) else payload

    @settings(max_examples=60, deadline=None)
    @given(
        key=TEXT, extra=st.dictionaries(NAME, VALUE, max_size=4),
        before=st.none() | st.binary(min_size=32, max_size=32),
        version=st.none() | st.integers(1, 2**53 - 1),
    )  # fmt: skip
    def test_the_stored_bytes_are_canonical(
        self, key: str, extra: dict[str, Any], before: bytes | None, version: int | None
    ) -> None:
        draft = a_draft(personal={"key": key}, extra=extra, after_hash=b"\x01" * 32)
        at = run_flow(append(draft, before_hash=before, version=version))

        record, stored_at, payload = self.fetch(draft)
        content = json.loads(record)
        assert rfc8785.dumps(content) == record
        assert content["at"] == rfc3339(stored_at) == rfc3339(at)
        assert content["before_hash"] == (before and before.hex())
        assert content["version"] == version
        assert payload == draft.payload

    @pytest.mark.parametrize("change", ["UPDATE {} SET action = 'x'", "DELETE FROM {}"])
    def test_the_application_cannot_change_a_record(self, change: str) -> None:
        draft = a_draft()
        run_flow(append(draft))

        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            tenant_scope(draft.tenant_id),
            connection.cursor() as cursor,
        ):
            cursor.execute(change.format("stateward_audit_record"))

    def test_a_record_of_another_tenant_is_not_seen(self) -> None:
        draft = a_draft()
        run_flow(append(draft))

        with tenant_scope(uuid4()), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM stateward_audit_record")
            assert cursor.fetchone() == (0,)

    def test_appending_leaves_the_scope_as_it_was(self) -> None:
        ours = uuid4()

        with tenant_scope(ours), connection.cursor() as cursor:
            run_flow(append(a_draft()))
            cursor.execute("SELECT current_setting('stateward.tenant')")
            assert cursor.fetchone() == (str(ours),)

    def test_a_failing_audit_table_is_told_apart(self) -> None:
        broken = a_draft()._replace(action=None)  # type: ignore[arg-type]  # the column refuses it

        statement = next(append(broken))

        with sessions() as session, pytest.raises(psycopg.Error) as failure:
            session.execute(statement.sql, statement.parameters)

        assert is_audit_failure(failure.value)
        assert not is_audit_failure(InternalError("deadlock detected"))


def sessions() -> psycopg.Connection[Any]:
    return psycopg.connect(os.environ["STATEWARD_DATABASE_URL"])
