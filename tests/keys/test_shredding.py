"""A destroyed key opens nothing, anywhere, and no backup brings it back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import Error as DatabaseError
from django.test import override_settings

from governance.keys.destroying import ask_to_destroy, destroy_later, undo
from governance.keys.exceptions import KeyGone, KeyHeld, KeyInUse, NoSuchDestruction
from governance.keys.services import REENCRYPT, rotate_key
from stateward.gate.approvals.exceptions import ApprovalNeeded
from stateward.gate.approvals.models import ApprovalSetting
from stateward.gate.keys.exceptions import KeyDestroyed, KeysUnavailable
from stateward.gate.keys.ledger import is_ours, parse_line, read_ledger, signed
from stateward.gate.keys.outside import apply_ledger, ledger_path, outside_entries
from stateward.kernel.errors import StatewardError
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.jobs.services import run_here
from stateward.state.configuration import (
    MAX_AGE_SECONDS,
    cached_configuration,
    forget_configurations,
)
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.backups.backup_world import back_up, restored, rows
from tests.factories.api import audit_events
from tests.factories.retention import Keeper, make_keeper
from tests.factories.state import CALL

WHY = "The project is over."


@pytest.fixture
def keeper(database: None, settings: Any, tmp_path: Path) -> Keeper:
    settings.KEY_DESTRUCTION_HOURS = 0
    settings.SHRED_LEDGER = str(tmp_path / "ledger")
    keeper = make_keeper()
    for number in range(3):
        keeper.world.put("a", {"n": number})
    alone(keeper)
    return keeper


def alone(keeper: Keeper, number: int = 0) -> None:
    """A tenant in which so many others have to agree."""
    with tenant_scope(keeper.tenant_id):
        ApprovalSetting.objects.update_or_create(
            tenant_id=keeper.tenant_id, kind="key.destroy", defaults={"number": number}
        )


def destroy(keeper: Keeper, version: int | None = None) -> Any:
    name = keeper.world.namespace.name
    return destroy_later(keeper.owner, CALL, name, version=version, reason=WHY)


def carry_out(keeper: Keeper) -> dict[str, int]:
    done = dict(run_here("keys.destroy", tenant_id=keeper.tenant_id).result)
    forget_configurations()
    return done


def states(keeper: Keeper) -> dict[int, tuple[str, int]]:
    rows = keeper.rows(
        "SELECT version, state, octet_length(wrapped) FROM stateward_data_key"
        " WHERE tenant_id = %s AND namespace_id = %s",
        keeper.tenant_id,
        keeper.world.namespace.id,
    )
    return {version: (state, size) for version, state, size in rows}


def test_nothing_under_a_shredded_key_is_read_again(keeper: Keeper) -> None:
    other = keeper.world.another()
    other.put("a", 1)
    destroy(keeper)
    assert keeper.world.get("a").value == {"n": 2}  # until the days of grace are over

    assert carry_out(keeper) == {"destroyed": 1, "refused": 0}

    assert states(keeper) == {1: ("destroyed", 0)}
    for read in (lambda: keeper.world.get("a"), lambda: keeper.world.at("a", version=1)):
        with pytest.raises(KeyDestroyed):
            read()
    with pytest.raises(KeysUnavailable):
        keeper.world.put("b", 1)
    assert other.get("a").value == 1
    assert ("key.destroy", "key.shredded", "allow") in audit_events(keeper.tenant_id)


def test_a_process_that_has_the_key_in_memory_forgets_it(keeper: Keeper) -> None:
    """F48: within 60 seconds. A read looks at the epoch at least once a second."""
    destroy(keeper)
    assert keeper.world.get("a").value == {"n": 2}
    cached = cached_configuration(keeper.tenant_id, 60)
    assert cached is not None

    run_here("keys.destroy", tenant_id=keeper.tenant_id)

    assert cached_configuration(keeper.tenant_id, 60) is cached  # nobody told this process
    time.sleep(MAX_AGE_SECONDS)
    with pytest.raises(KeyDestroyed):
        keeper.world.get("a")


def test_the_ledger_says_so_signed_inside_and_outside(keeper: Keeper) -> None:
    destroy(keeper)
    carry_out(keeper)

    with tenant_scope(keeper.tenant_id):
        [entry] = run_flow(read_ledger(keeper.tenant_id))
    assert entry.body["reason"] == WHY
    assert is_ours(entry)
    assert outside_entries(keeper.tenant_id) == [entry]
    assert ledger_path(keeper.tenant_id).stat().st_mode & 0o777 == 0o600
    with pytest.raises(DatabaseError, match="permission denied"):
        keeper.rows("DELETE FROM stateward_shred")
    forged = entry._replace(statement=entry.statement.replace(b"project", b"PROJECT"))
    assert not is_ours(forged)
    with override_settings(ROOT_KEY=b"another root key of 32 bytes ..."):
        assert not is_ours(entry)
        assert not is_ours(signed({"id": "x"})._replace(signer=entry.signer))


def test_a_backup_from_before_does_not_bring_it_back(keeper: Keeper, tmp_path: Path) -> None:
    other = keeper.world.another()
    other.put("stays", "here")
    made = back_up(keeper.tenant_id, tmp_path)
    destroy(keeper)
    carry_out(keeper)

    report = restored(made)

    assert report.shredded == {"entries": 1, "revisions": 3}
    assert report.entries == 1
    assert rows(report.tenant_id, "SELECT key FROM stateward_revision") == [("stays",)]


def test_nor_where_the_database_is_older_than_the_ledger(keeper: Keeper, tmp_path: Path) -> None:
    """The ledger's rows are gone with the newer database; its copy outside is not."""
    made = back_up(keeper.tenant_id, tmp_path)
    destroy(keeper)
    carry_out(keeper)
    stranger = make_keeper()
    moved = ledger_path(keeper.tenant_id).read_bytes()
    with tenant_scope(keeper.tenant_id):
        entries = run_flow(read_ledger(keeper.tenant_id))

    older = make_keeper()
    older.world.put("a", 1)
    assert apply_ledger(older.tenant_id, []) == 0
    assert apply_ledger(keeper.tenant_id, entries) == 0  # destroyed already
    assert restored(made).shredded == {"entries": 1, "revisions": 3}
    ledger_path(keeper.tenant_id).write_bytes(moved.replace(b"project", b"PROJECT"))
    with pytest.raises(ArchiveRefused, match="shred ledger"):
        restored(made)
    ledger_path(stranger.tenant_id).write_bytes(moved)
    with pytest.raises(ValueError, match="not signed"):
        outside_entries(stranger.tenant_id)


def test_a_line_that_is_none_is_refused() -> None:
    for line in (b"{}", b"[]", b"\xff", json.dumps({"statement": 1}).encode()):
        with pytest.raises(ValueError, match="not a line of a shred ledger"):
            parse_line(line)


def test_it_takes_another_persons_agreement(keeper: Keeper) -> None:
    alone(keeper, 1)

    with pytest.raises(ApprovalNeeded):
        destroy(keeper)
    with pytest.raises(StatewardError, match="nobody else could"):
        ask_to_destroy(keeper.owner, CALL, keeper.world.namespace.name, version=None, reason=WHY)
    assert carry_out(keeper) == {"destroyed": 0, "refused": 0}


def test_it_can_be_undone_until_it_is_due(keeper: Keeper, settings: Any) -> None:
    settings.KEY_DESTRUCTION_HOURS = 168
    made = destroy(keeper)
    assert carry_out(keeper) == {"destroyed": 0, "refused": 0}
    with pytest.raises(KeyGone, match="already"):
        destroy(keeper)

    assert undo(keeper.owner, CALL, made.id).state == "undone"

    with pytest.raises(NoSuchDestruction):
        undo(keeper.owner, CALL, made.id)
    stranger = make_keeper()
    with pytest.raises(NoSuchDestruction):
        undo(stranger.owner, CALL, made.id)
    assert destroy(keeper).state == "waiting"


def test_a_hold_keeps_it_when_asked_and_when_due(keeper: Keeper) -> None:
    destroy(keeper)
    hold = keeper.hold(key_pattern="a*")

    assert carry_out(keeper) == {"destroyed": 0, "refused": 1}

    assert states(keeper)[1][0] == "active"
    with pytest.raises(KeyHeld, match="DOT-114"):
        destroy(keeper)
    keeper.release(hold)
    destroy(keeper)
    assert carry_out(keeper)["destroyed"] == 1


def test_a_single_version_goes_only_when_nothing_needs_it(keeper: Keeper) -> None:
    for version, said in ((1, "active"), (1, "decrypt only")):
        with pytest.raises(KeyInUse, match=said):
            destroy(keeper, version)
        rotate_key(keeper.owner, CALL, keeper.world.namespace.name)
    run_here(REENCRYPT, tenant_id=keeper.tenant_id)

    destroy(keeper, 1)
    assert carry_out(keeper)["destroyed"] == 1

    assert states(keeper)[1] == ("destroyed", 0)
    assert keeper.world.at("a", version=1).value == {"n": 0}
    with tenant_scope(keeper.tenant_id):
        assert run_flow(read_ledger(keeper.tenant_id)) == []  # nothing was shredded


def test_a_kept_backup_keeps_the_version_it_is_under(keeper: Keeper) -> None:
    run_here("backup.create", tenant_id=keeper.tenant_id)
    rotate_key(keeper.owner, CALL, keeper.world.namespace.name)
    run_here(REENCRYPT, tenant_id=keeper.tenant_id)

    with pytest.raises(KeyInUse, match="1 kept backup was taken before"):
        destroy(keeper, 1)
