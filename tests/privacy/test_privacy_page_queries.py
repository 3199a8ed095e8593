"""The pages of subject requests ask the database no more than a page may."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories.privacy import MIA, Office

MOST = 15
SEARCH = 13  # what finding a person reads, most of it one count for each store
OF_TRANSACTIONS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def is_of_transactions(sql: str) -> bool:
    """Whether the statement only opens, closes or scopes a transaction."""
    return sql.startswith(OF_TRANSACTIONS) or "set_config('stateward." in sql


@pytest.mark.parametrize("path", ["subjects/", "subjects/new", "subjects/{request}/"])
def test_a_page_asks_no_more_for_many_requests(office: Office, path: str) -> None:
    office.declare()
    for number in range(3):
        office.keeper.world.put(f"a{number}", {"email": MIA[1]})
        request = office.ready(reference=f"case {number}")
    browser = Client()
    browser.force_login(office.keeper.member.person)
    where = f"/t/{office.keeper.world.tenant.slug}/{path.format(request=request.id)}"
    browser.get(where)  # what a process keeps is kept by now

    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = browser.get(where)

    assert answer.status_code == 200
    told = [one["sql"] for one in asked if not is_of_transactions(one["sql"])]
    most = MOST + (SEARCH if "{request}" in path else 0)
    assert len(told) <= most, "\n".join(one[:150] for one in told)
