"""Proofs: checked by the auditor's own code, and refused for what is not what was sealed."""

from pathlib import Path
from uuid import uuid4

import pytest
from audit_helpers import an_agent, connect, seal, write_records

from stateward.gate.audit.exceptions import EvidenceBroken, NotSealedYet
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.proofs import (
    checkpoint_at,
    consistency_proof,
    inclusion_proof,
    latest_checkpoint,
    list_checkpoints,
)
from stateward.gate.audit.queries import find_record
from stateward.gate.audit.sealing_key import public_keys
from stateward.gate.audit.verify import (
    decode_hash,
    leaf_hash,
    open_checkpoint,
    root_from_path,
    verify_consistency,
)
from stateward.kernel.errors import NotFound
from stateward.kernel.flow import Flow, T
from stateward.tenancy.scope import run_flow, tenant_scope

pytestmark = pytest.mark.usefixtures("database")


def read(tenant_id: object, flow: Flow[T]) -> T:
    with tenant_scope(tenant_id):  # type: ignore[arg-type]
        return run_flow(flow)


def test_every_record_is_proved_under_the_newest_checkpoint(seals: Path) -> None:
    actor = an_agent()
    ids = []
    for count in (1, 2, 300, 5):
        ids += write_records(actor, count)
        seal(seals)
    keys = read(actor.tenant_id, public_keys(origin_of(actor.tenant_id)))

    for index in (0, 1, 2, 3, 150, 302, 307):
        proof = read(actor.tenant_id, inclusion_proof(actor.tenant_id, ids[index]))
        record = read(actor.tenant_id, find_record(actor.tenant_id, ids[index])).record
        checkpoint = open_checkpoint(proof.checkpoint.note, keys)

        assert proof.index == index
        root = root_from_path(index, index + 1, checkpoint.size, leaf_hash(record), proof.path)
        assert root == checkpoint.root


def test_the_text_of_a_proof_is_as_c2sp_says(seals: Path) -> None:
    actor = an_agent()
    ids = write_records(actor, 5)
    seal(seals)

    text = read(actor.tenant_id, inclusion_proof(actor.tenant_id, ids[3])).as_text()

    head, note = text.split("\n\n", 1)
    lines = head.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 3"]
    assert len([decode_hash(line) for line in lines[2:]]) == 3
    keys = read(actor.tenant_id, public_keys(origin_of(actor.tenant_id)))
    assert open_checkpoint(note, keys).size == 5


def test_one_tree_begins_with_the_other(seals: Path) -> None:
    actor = an_agent()
    for count in (3, 4, 290):
        write_records(actor, count)
        seal(seals)
    tenant = actor.tenant_id

    for old, new in ((3, 7), (3, 297), (7, 297), (0, 7), (7, 7)):
        proof = read(tenant, consistency_proof(tenant, old, new))
        before = read(tenant, checkpoint_at(tenant, old))
        after = read(tenant, checkpoint_at(tenant, new))
        assert after is not None
        if before is not None:
            verify_consistency(old, before.root, new, after.root, proof.proof)
        assert proof.as_json()["to"] == new
    for old, new in ((7, 3), (0, 298)):
        with pytest.raises(NotFound):
            read(tenant, consistency_proof(tenant, old, new))
    sizes = [one.size for one in read(tenant, list_checkpoints(tenant, below=297, limit=2))]
    assert sizes == [7, 3]


def test_what_is_not_sealed_yet_says_so(seals: Path) -> None:
    actor = an_agent()
    first = write_records(actor, 1)
    with pytest.raises(NotSealedYet):
        read(actor.tenant_id, inclusion_proof(actor.tenant_id, first[0]))
    with pytest.raises(NotFound):
        read(actor.tenant_id, latest_checkpoint(actor.tenant_id))
    with pytest.raises(NotFound):
        read(actor.tenant_id, inclusion_proof(actor.tenant_id, uuid4()))


def test_another_tenant_record_is_not_found(seals: Path) -> None:
    ours, theirs = an_agent(), an_agent()
    ids = write_records(theirs, 1)
    seal(seals)

    with pytest.raises(NotFound):
        read(ours.tenant_id, inclusion_proof(ours.tenant_id, ids[0]))
    with pytest.raises(NotFound):
        read(ours.tenant_id, inclusion_proof(theirs.tenant_id, ids[0]))


@pytest.mark.parametrize("neighbours", [3, 30])
def test_a_record_changed_in_the_database_has_no_proof_and_its_neighbours_have(
    seals: Path, neighbours: int
) -> None:
    actor = an_agent()
    ids = write_records(actor, neighbours)
    seal(seals)
    with connect(autocommit=True) as session:
        session.execute(
            "UPDATE stateward_audit_record SET record ="
            " convert_to(replace(convert_from(record, 'UTF8'), 'allow', 'deny_'), 'UTF8')"
            " WHERE id = %s",
            (ids[1],),
        )
        session.execute("DELETE FROM stateward_audit_record WHERE id = %s", (ids[0],))

    with pytest.raises(EvidenceBroken, match="not what was sealed"):
        read(actor.tenant_id, inclusion_proof(actor.tenant_id, ids[1]))
    assert read(actor.tenant_id, inclusion_proof(actor.tenant_id, ids[2])).index == 2


def test_a_tree_with_a_hole_proves_nothing(seals: Path) -> None:
    actor = an_agent()
    ids = write_records(actor, 12)
    seal(seals)
    with connect(autocommit=True) as session:
        session.execute("DELETE FROM stateward_audit_tile WHERE tenant_id = %s", (actor.tenant_id,))

    with pytest.raises(EvidenceBroken, match="missing"):
        read(actor.tenant_id, inclusion_proof(actor.tenant_id, ids[1]))
