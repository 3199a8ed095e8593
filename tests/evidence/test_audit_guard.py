"""The second lock on records: triggers that refuse changes even to whoever owns the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from tests.audit.audit_helpers import an_agent, connect, write_records

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def guarded() -> Iterator[None]:
    call_command("audit", "guard")
    yield
    call_command("audit", "guard", "--remove")


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE stateward_audit_record SET record = record || ' ' WHERE id = %s",
        "UPDATE stateward_audit_record SET actor_name = 'nobody' WHERE id = %s",
        "UPDATE stateward_audit_record SET at = at - interval '1 second' WHERE id = %s",
        "DELETE FROM stateward_audit_record WHERE id = %s",
    ],
)
def test_a_record_is_not_changed_by_whoever_owns_it(sql: str) -> None:
    (record_id,) = write_records(an_agent(), 1)

    with connect(autocommit=True) as superuser, pytest.raises(psycopg.errors.RaiseException):
        superuser.execute(sql, (record_id,))


@pytest.mark.usefixtures("guarded")
def test_the_table_is_not_emptied() -> None:
    with connect(autocommit=True) as superuser, pytest.raises(psycopg.errors.RaiseException):
        superuser.execute("TRUNCATE stateward_audit_record")


@pytest.mark.usefixtures("guarded")
def test_erasing_personal_values_and_deleting_a_tenant_stay_possible() -> None:
    actor = an_agent()
    ids = write_records(actor, 2)

    with connect(autocommit=True) as superuser:
        erased = superuser.execute(
            "UPDATE stateward_audit_record SET payload = '{}' WHERE id = %s", (ids[0],)
        )
        superuser.execute(
            "SELECT set_config('stateward.purge', %s, false)", (str(actor.tenant_id),)
        )
        gone = superuser.execute(
            "DELETE FROM stateward_audit_record WHERE tenant_id = %s", (actor.tenant_id,)
        )

    assert (erased.rowcount, gone.rowcount) == (1, 2)


def test_it_is_put_in_once_and_taken_out(capsys: Any) -> None:
    for arguments, said in (
        ((), "installed"), ((), "there already"), (("--remove",), "removed"),
    ):  # fmt: skip
        call_command("audit", "guard", *arguments)
        assert said in capsys.readouterr().out
    (record_id,) = write_records(an_agent(), 1)
    with connect(autocommit=True) as superuser:
        superuser.execute("DELETE FROM stateward_audit_record WHERE id = %s", (record_id,))


@pytest.mark.usefixtures("guarded")
def test_writing_goes_on_under_it() -> None:
    assert len(write_records(an_agent(), 3)) == 3
