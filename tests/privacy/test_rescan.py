"""Looking for what was erased: a remnant in any store is found; a blind search says so."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from governance.privacy.models import SubjectRescan
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.factories.privacy import Office

MIA = "mia.li@example.com"
# What brings something of Mia back into one store, past this product.
BACK = {
    "entries": "UPDATE stateward_entry SET value_hash = 'x', version = version - 1"
    " WHERE tenant_id = %s AND key = 'mia'",
    "revisions": "UPDATE stateward_revision SET note = 'for Mia'"
    " WHERE tenant_id = %s AND key = 'mia' AND version = 1",
    "audit": """UPDATE stateward_audit_record SET payload = '{"key": "mia"}'
        WHERE tenant_id = %s AND action = 'state.write' AND payload ->> 'key' IS NULL""",
}


@pytest.fixture
def erased(office: Office) -> Office:
    office.declare()
    office.keeper.world.put("mia", {"email": MIA})
    office.keeper.world.put("bob", {"email": "bob@example.com"})
    office.erase(office.ready())
    return office


def search(office: Office) -> SubjectRescan:
    run_here("privacy.rescan", tenant_id=office.keeper.tenant_id)
    with tenant_scope(office.keeper.tenant_id):
        return SubjectRescan.objects.order_by("-id")[0]


def test_nothing_is_found_where_nothing_is_left(erased: Office) -> None:
    found = search(erased)

    assert (found.remnants, found.anew, found.control_found, found.looked_at) == (0, 0, True, 3)


@pytest.mark.parametrize("store", list(BACK))
def test_a_remnant_is_found_in_each_store(erased: Office, superuser: str, store: str) -> None:
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(BACK[store], (erased.keeper.tenant_id,))

    found = search(erased)

    assert [one["store"] for one in found.details] == [store]
    assert found.remnants == 1


def test_what_the_index_never_saw_is_found_by_its_value(erased: Office, superuser: str) -> None:
    """A value that names her, older than the erasure, and in no index."""
    erased.keeper.world.put("hidden", {"email": MIA})
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(
            "UPDATE stateward_subject_request SET answered_at = now() + interval '1 minute'"
            " WHERE tenant_id = %s",
            (erased.keeper.tenant_id,),
        )

    found = search(erased)

    assert [one["store"] for one in found.details] == ["values"]


def test_what_is_written_anew_is_counted_and_is_no_remnant(erased: Office) -> None:
    erased.keeper.world.put("again", {"email": MIA})

    found = search(erased)

    assert (found.remnants, found.anew) == (0, 1)


def test_a_blind_search_says_so(erased: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any) -> Any:
        return set()
        yield

    monkeypatch.setattr("governance.privacy.rescanning.names_in", nobody)

    assert search(erased).control_found is False
