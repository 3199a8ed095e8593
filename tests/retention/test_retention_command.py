"""The command, the job's slot, the check: what an operator relies on."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.retention.checks import grace
from stateward.operations.jobs.registry import jobs
from stateward.schedule import TIMETABLE
from tests.factories.retention import Keeper


def retention(act: str, tenant: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("retention", act, "--tenant", tenant, stdout=out)
    (line,) = out.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_the_preview_is_one_object(keeper: Keeper, superuser: str) -> None:
    for key in ("a", "b", "held"):
        keeper.world.put(key, [1])
    keeper.age(superuser, 31)
    keeper.hold(key_pattern="held")
    keeper.rule("month", days=30)

    said = retention("preview", keeper.world.tenant.slug)

    assert {"tenant", "entries", "bytes", "held", "retained", "unruled", "by_rule"} <= set(said)
    assert (said["entries"], said["bytes"], said["held"], said["complete"]) == (2, 6, 1, True)
    assert [(one["rule"], one["entries"]) for one in said["by_rule"]] == [("month", 2)]


def test_the_sweep_can_be_asked_for(keeper: Keeper, superuser: str) -> None:
    keeper.world.put("a", 1)
    keeper.age(superuser, 31)
    keeper.rule("month", days=30)

    assert retention("sweep", keeper.world.tenant.slug)["purged"] == 1


def test_a_tenant_that_is_not_there_is_an_error(database: None) -> None:
    with pytest.raises(CommandError, match="no tenant"):
        retention("preview", "nobody")


def test_the_sweep_is_in_the_timetable_for_each_tenant() -> None:
    assert "retention.sweep" in {slot.name for slot in TIMETABLE}
    assert jobs()["retention.sweep"].is_per_tenant


@pytest.mark.parametrize(
    ("is_production", "hours", "found"),
    [(True, 24, ["stateward.E020"]), (True, 168, []), (False, 0, [])],
)
def test_production_waits_a_week(
    settings: Any, is_production: bool, hours: int, found: list[str]
) -> None:
    settings.PRODUCTION, settings.RETENTION_GRACE_HOURS = is_production, hours

    assert [one.id for one in grace()] == found
