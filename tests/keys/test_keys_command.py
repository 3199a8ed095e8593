"""``manage.py keys``: count, seal anew, apply the ledger after a restore."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.keys.services import rotate_key
from stateward.gate.keys.exceptions import KeyDestroyed
from stateward.gate.keys.ledger import signed
from stateward.kernel.clock import now, rfc3339
from stateward.kernel.ids import uuid7
from stateward.state.configuration import forget_configurations
from tests.factories.retention import Keeper, make_keeper
from tests.factories.state import CALL


@pytest.fixture
def keeper(database: None) -> Keeper:
    keeper = make_keeper()
    keeper.world.put("a", 1)
    return keeper


def said(keeper: Keeper, *arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("keys", *arguments, "--tenant", keeper.world.tenant.slug, stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def entry(keeper: Keeper) -> bytes:
    """What a newer database wrote into the ledger before this older one was restored."""
    [(key_id,)] = keeper.rows(
        "SELECT id FROM stateward_data_key WHERE namespace_id = %s", keeper.world.namespace.id
    )
    body = {
        "id": str(uuid7()), "tenant": str(keeper.tenant_id), "at": rfc3339(now()),
        "key": str(key_id), "version": None, "namespace_id": str(keeper.world.namespace.id),
        "subject": None, "record": str(uuid7()), "reason": "The project is over.",
    }  # fmt: skip
    return signed(body).line()


def test_it_counts_and_seals_anew(keeper: Keeper) -> None:
    rotate_key(keeper.owner, CALL, keeper.world.namespace.name)

    before = said(keeper, "count")["under"]
    done = said(keeper, "reencrypt")

    assert {(one["store"], one["version"], one["rows"]) for one in before} == {
        ("entries", 1, 1), ("revisions", 1, 1)
    }  # fmt: skip
    assert (done["moved"], done["retired"]) == (2, 1)


def test_an_older_database_forgets_what_the_ledger_names(keeper: Keeper, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_bytes(entry(keeper) + b"\n")
    assert keeper.world.get("a").value == 1

    assert said(keeper, "apply-ledger", "--ledger", str(ledger))["destroyed"] == 1

    forget_configurations()
    with pytest.raises(KeyDestroyed):
        keeper.world.get("a")
    assert said(keeper, "apply-ledger", "--ledger", str(ledger))["destroyed"] == 0


def test_a_ledger_that_is_not_ours_changes_nothing(keeper: Keeper, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_bytes(entry(make_keeper()) if keeper else b"")
    with pytest.raises(CommandError, match="not signed by this installation"):
        said(keeper, "apply-ledger", "--ledger", str(ledger))
    ledger.write_bytes(entry(keeper).replace(b"project", b"PROJECT"))
    with pytest.raises(CommandError, match="not signed by this installation"):
        said(keeper, "apply-ledger", "--ledger", str(ledger))
    with pytest.raises(CommandError, match="cannot be read"):
        said(keeper, "apply-ledger", "--ledger", str(tmp_path / "none"))

    assert keeper.world.get("a").value == 1
