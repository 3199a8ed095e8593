"""Months of history: dropped whole once nobody has anything in them that is not due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from stateward.kernel.clock import now
from stateward.operations.jobs.services import run_here
from tests.factories.retention import Keeper, make_keeper

CHILD = "stateward_revision_2019_03"


@pytest.fixture
def session(superuser: str, database: None) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(
            "SELECT stateward_add_months('stateward_revision', ARRAY['2019-03-05'::date])"
        )
        yield session
        session.execute(f"DROP TABLE IF EXISTS {CHILD}")


def put_back(session: psycopg.Connection[Any], keeper: Keeper, key: str, *versions: int) -> None:
    """Have these revisions been written in that month."""
    session.execute(
        "UPDATE stateward_revision SET at = '2019-03-05'::timestamptz + version * interval '1 s'"
        " WHERE tenant_id = %s AND key = %s AND version = ANY (%s)",
        (keeper.tenant_id, key, list(versions)),
    )


def why(child: str = CHILD, parent: str = "stateward_revision") -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT stateward_why_kept(%s, %s)", (parent, child))
        answer: str | None = cursor.fetchone()[0]
    return answer


def purged(keeper: Keeper, superuser: str, settings: Any, key: str) -> None:
    settings.RETENTION_GRACE_HOURS = 0
    keeper.world.put(key, 1)
    keeper.world.put(key, 2)
    keeper.age(superuser, 31, key)
    keeper.rule(f"rule of {key}", days=30, key_pattern=key, namespace="notes")
    assert keeper.sweep()["purged"] == 1


def test_an_empty_month_may_go(session: Any) -> None:
    assert why() is None


def test_a_month_with_a_value_stays(session: Any, keeper: Keeper) -> None:
    keeper.world.put("a", 1)
    keeper.world.put("a", 2)
    put_back(session, keeper, "a", 1)

    assert why() == "it holds values"


def test_a_month_with_a_keys_newest_revision_stays(
    session: Any, keeper: Keeper, superuser: str, settings: Any
) -> None:
    purged(keeper, superuser, settings, "a")
    put_back(session, keeper, "a", 1, 2, 3)

    assert why() == "a key's newest revision is in it"


def test_a_month_with_a_deletion_that_nothing_made_due_stays(session: Any, keeper: Keeper) -> None:
    keeper.world.put("a", 1)
    keeper.world.delete("a")
    keeper.world.put("a", 2)
    put_back(session, keeper, "a", 2)

    assert why() == "something in it is not due"


def test_a_month_stays_while_a_hold_is_in_force(
    session: Any, keeper: Keeper, superuser: str, settings: Any
) -> None:
    purged(keeper, superuser, settings, "a")
    put_back(session, keeper, "a", 1, 2)
    hold = keeper.hold(namespace="elsewhere")

    assert why() == "a hold is in force"
    keeper.release(hold)
    assert why() is None


def test_a_month_stays_for_the_one_tenant_that_needs_it(
    session: Any, keeper: Keeper, superuser: str, settings: Any
) -> None:
    purged(keeper, superuser, settings, "a")
    put_back(session, keeper, "a", 1, 2)
    other = make_keeper()
    other.world.put("a", 1)
    other.world.put("a", 2)
    put_back(session, other, "a", 1)

    assert why() == "it holds values"


def test_the_present_month_stays(session: Any) -> None:
    assert why(f"stateward_revision_{now():%Y_%m}") == "not long over"
    assert why("stateward_entry") == "not a month of that table"
    assert why(parent="stateward_audit_record") == "not a table whose months are dropped"


def test_the_job_drops_what_may_go_and_says_why_the_rest_stays(
    session: Any, keeper: Keeper, superuser: str, settings: Any
) -> None:
    purged(keeper, superuser, settings, "a")
    put_back(session, keeper, "a", 1, 2)

    done = run_here("drop_months", tenant_id=None).result

    assert CHILD in done["dropped"]
    assert session.execute("SELECT to_regclass(%s)", (CHILD,)).fetchone() == (None,)
    assert keeper.world.history("a") == [(3, "purge")]
    keeper.world.put("a", 3)
    assert keeper.world.get("a").version == 4


def test_a_month_nobody_prepared_refuses_the_write_and_says_so(
    session: Any, keeper: Keeper
) -> None:
    """As after a jump of the clock: the statement fails whole, and nothing is half written."""
    keeper.world.put("a", 1)
    session.execute(
        "UPDATE stateward_entry SET updated_at = '2091-01-01' WHERE tenant_id = %s",
        (keeper.tenant_id,),
    )

    with pytest.raises(Exception, match="no partition of relation"):
        keeper.world.put("a", 2)

    assert keeper.rows(
        "SELECT version FROM stateward_entry WHERE tenant_id = %s", keeper.tenant_id
    ) == [(1,)]
