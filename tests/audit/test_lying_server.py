"""F41: a server that lies with the database *and* the sealing key in hand.

It rewrites, reorders, cuts or forks a tenant's history, throws the tree away, and has its own
sealer sign everything anew on a host that remembers nothing. What it then hands out is whole by
itself; the checkpoint somebody kept elsewhere gives it away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stateward.gate.audit.proofs import latest_checkpoint
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.audit.audit_helpers import an_agent, connect, seal, watching, write_records
from tests.audit.test_audit_bundle import export, problem_of

pytestmark = pytest.mark.usefixtures("database")

RECORDS = 40
OF = "WHERE tenant_id = %(tenant)s"
REWRITE = f"""
UPDATE stateward_audit_record SET record =
    convert_to(replace(convert_from(record, 'UTF8'), '"number":20', '"number":99'), 'UTF8') {OF}
"""
REORDER = f"""
UPDATE stateward_audit_record r SET seq = s.both - r.seq
FROM (SELECT min(seq) + max(seq) AS both FROM stateward_audit_record {OF}) s
WHERE r.tenant_id = %(tenant)s
"""
CUT = f"""
DELETE FROM stateward_audit_record {OF} AND id IN (
    SELECT id FROM stateward_audit_record {OF} ORDER BY seq DESC LIMIT 10)
"""
FORGET = "".join(
    f"DELETE FROM stateward_audit_{table} {OF};"
    for table in ("tile", "batch", "checkpoint", "tree")
)
# A tree that is held is sealed from ``held_after`` on when what held it is gone.
BEGIN_ANEW = """
INSERT INTO stateward_audit_tree (tenant_id, size, root, peaks, alarm, held_after)
VALUES (%(tenant)s, 0, sha256(''), '', 'begin anew', 0)
"""


def lie(actor: Actor, *changes: str) -> None:
    with connect(autocommit=True) as superuser:
        for sql in (*changes, *FORGET.split(";")[:-1], BEGIN_ANEW):
            superuser.execute(sql, {"tenant": actor.tenant_id})


def sealed_anew(actor: Actor, elsewhere: Path) -> bytes:
    """What the lying server hands out: signed with the true key, by a host without a memory."""
    with watching(elsewhere) as watch:
        watch.tick()
        watch.seal()
        watch._round(watch.sealer.heartbeat)
    return export(actor.tenant_id)


@pytest.fixture
def kept(seals: Path) -> tuple[Actor, str]:
    """A log, and the checkpoint that somebody kept of it."""
    actor = an_agent()
    write_records(actor, RECORDS)
    seal(seals)
    with tenant_scope(actor.tenant_id):
        return actor, run_flow(latest_checkpoint(actor.tenant_id)).note


@pytest.mark.parametrize(
    ("changes", "more", "said"),
    [
        pytest.param((REWRITE,), 0, "forked", id="rewrite"),
        pytest.param((REORDER,), 0, "forked", id="reorder"),
        pytest.param((CUT,), 0, "cut", id="cut"),
        pytest.param((CUT,), 25, "forked", id="fork"),
    ],
)
def test_a_history_signed_anew_is_given_away_by_a_kept_checkpoint(
    kept: tuple[Actor, str], tmp_path: Path, changes: tuple[str, ...], more: int, said: str
) -> None:
    actor, note = kept
    lie(actor, *changes)
    write_records(actor, more)

    bundle = sealed_anew(actor, tmp_path)

    assert problem_of(bundle) is None, "the lie must be perfect by itself"
    assert said in str(problem_of(bundle, checkpoint=note))


def test_the_truth_signed_anew_is_no_lie(kept: tuple[Actor, str], tmp_path: Path) -> None:
    actor, note = kept
    lie(actor)

    bundle = sealed_anew(actor, tmp_path)

    assert problem_of(bundle, checkpoint=note) is None


def test_a_host_that_remembers_does_not_sign_the_lie(kept: tuple[Actor, str], seals: Path) -> None:
    actor, _ = kept
    lie(actor, REWRITE)

    with watching(seals) as watch:
        watch.tick()
        watch.seal()
        watch._round(watch.sealer.heartbeat)

    held: Any = None
    with connect(autocommit=True) as superuser:
        held = superuser.execute(
            "SELECT alarm FROM stateward_audit_tree WHERE tenant_id = %s", (actor.tenant_id,)
        ).fetchone()
    assert "another root was signed before" in held[0]
