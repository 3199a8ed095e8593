"""Bundles: whole they verify, and whatever is done to one is found and named."""

import base64
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from audit_helpers import an_agent, connect, seal, write_records
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from stateward.gate.audit import verify
from stateward.gate.audit.bundle import write_bundle
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.notes import Signer, origin_of
from stateward.gate.audit.proofs import checkpoint_at, latest_checkpoint
from stateward.gate.audit.sealing_key import public_keys, sealing_key
from stateward.kernel.errors import NotFound
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import run_flow, tenant_scope

pytestmark = pytest.mark.usefixtures("database")

VERIFIER = Path(verify.__file__)


def export(tenant_id: UUID, *sizes: int, **wanted: Any) -> bytes:
    body = io.BytesIO()
    with tenant_scope(tenant_id):
        asked = RecordFilter(tenant_id, **wanted)
        manifest = run_flow(write_bundle(asked, body, checkpoint_sizes=sizes))
    return manifest.encode() + body.getvalue()


def key_of(tenant_id: UUID) -> verify.Key:
    return run_flow(public_keys(origin_of(tenant_id)))[0]


def problem_of(
    bundle: bytes, *, key: verify.Key | None = None, checkpoint: str | None = None
) -> str | None:
    verification = verify.Verification([key] if key else [], checkpoint)
    return verification.run(bundle.splitlines(keepends=True))


def note_at(tenant_id: UUID, size: int) -> str:
    with tenant_scope(tenant_id):
        found = run_flow(checkpoint_at(tenant_id, size))
    assert found is not None
    return found.note


def resigned(tenant: UUID, lines: list[dict[str, Any]], **changes: Any) -> bytes:
    """A bundle whose body says ``lines``, signed anew by somebody who has the key."""
    manifest, *rest = lines
    body = "".join(verify.encode_json(line) + "\n" for line in rest).encode()
    manifest = {name: value for name, value in manifest.items() if name != "signature"}
    manifest |= {"sha256": sha256(body).hexdigest()} | changes
    with tenant_scope(tenant):
        signer: Signer = run_flow(sealing_key())
    return signer.manifest(manifest).encode() + body


def lines_of(bundle: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bundle.splitlines()]


@pytest.fixture(scope="module")
def sealed(django_db_blocker: Any, django_db_setup: None) -> tuple[Actor, bytes]:
    """Three hundred records sealed in four rounds, and the bundle of all."""
    actor = an_agent()
    with django_db_blocker.unblock():
        for count in (10, 3, 280, 7):
            write_records(actor, count)
            seal(Path(settings.HOME) / "seals")
        return actor, export(actor.tenant_id, 10, 13)


Sealed = tuple[Actor, bytes]


class TestWhole:
    def test_all_records_verify(self, sealed: Sealed) -> None:
        actor, bundle = sealed

        assert problem_of(bundle) is None
        assert problem_of(bundle, key=key_of(actor.tenant_id)) is None
        assert sum(line["kind"] == "record" for line in lines_of(bundle)) == 300

    def test_the_verifier_is_one_file_of_standard_library(
        self, sealed: Sealed, tmp_path: Path
    ) -> None:
        actor, bundle = sealed
        (tmp_path / "verify.py").write_bytes(VERIFIER.read_bytes())
        (tmp_path / "bundle").write_bytes(bundle)
        (tmp_path / "key").write_text(f"# ours\n{key_of(actor.tenant_id)}\n")
        (tmp_path / "kept").write_text(note_at(actor.tenant_id, 13))
        # No site-packages: nothing but the standard library can be imported.
        command = [sys.executable, "-I", "-S", "verify.py", "bundle"]

        plain = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        full = subprocess.run(
            [*command, "--key", "key", "--checkpoint", "kept"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert plain.returncode == 0, plain.stdout + plain.stderr
        assert "not tied to a trusted key" in plain.stdout
        assert "cannot be found" in plain.stdout
        assert full.returncode == 0, full.stdout + full.stderr
        assert "the one you trust" in full.stdout
        assert "consistent with the one kept elsewhere" in full.stdout

    def test_a_part_verifies_too(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        record = next(line for line in lines_of(bundle) if line.get("index") == 150)
        request = record["record"]["request_id"]

        one = export(actor.tenant_id, request_id=request)
        key = export(actor.tenant_id, key="key-2")
        nothing = export(actor.tenant_id, action="nothing")

        assert problem_of(one, checkpoint=note_at(actor.tenant_id, 300)) is None
        assert json.loads(one.split(b"\n", 1)[0])["ranges"] == [[150, 151]]
        assert problem_of(key) is None
        assert json.loads(key.split(b"\n", 1)[0])["count"] == 4
        assert problem_of(nothing) is None

    def test_before_anything_is_sealed_there_is_no_bundle(self) -> None:
        with pytest.raises(NotFound):
            export(an_agent().tenant_id)

    def test_an_older_checkpoint_kept_elsewhere_is_found_consistent(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        for size in (10, 13, 293, 300):  # 293 is not in the bundle: from the records themselves
            assert problem_of(bundle, checkpoint=note_at(actor.tenant_id, size)) is None


CHANGES: dict[str, Callable[[list[dict[str, Any]]], None]] = {}


def change(function: Callable[[list[dict[str, Any]]], None]) -> None:
    CHANGES[function.__name__] = function


def at(lines: list[dict[str, Any]], index: int) -> int:
    return next(n for n, line in enumerate(lines) if line.get("index") == index)


@change
def changed(lines: list[dict[str, Any]]) -> None:
    lines[at(lines, 20)]["record"]["outcome"] = "deny"


@change
def removed(lines: list[dict[str, Any]]) -> None:
    del lines[at(lines, 20)]


@change
def inserted(lines: list[dict[str, Any]]) -> None:
    lines.insert(at(lines, 20), lines[at(lines, 25)])


@change
def reordered(lines: list[dict[str, Any]]) -> None:
    one, other = lines[at(lines, 20)], lines[at(lines, 21)]
    for name in ("record", "payload"):
        one[name], other[name] = other[name], one[name]


@change
def other_payload(lines: list[dict[str, Any]]) -> None:
    lines[at(lines, 20)]["payload"]["key"] = "another"


@change
def no_salt(lines: list[dict[str, Any]]) -> None:
    lines[at(lines, 20)]["payload"]["salts"] = {"key": "zz"}


@change
def hidden(lines: list[dict[str, Any]]) -> None:
    line = lines[at(lines, 20)]
    leaf = verify.leaf_hash(verify.encode_json(line.pop("record")).encode())
    line.pop("payload")
    line |= {"kind": "leaf", "hash": verify.encode64(leaf)}


@change
def no_record(lines: list[dict[str, Any]]) -> None:
    lines[at(lines, 20)]["record"] = None


@change
def forged_block(lines: list[dict[str, Any]]) -> None:
    block = next(line for line in lines if line["kind"] == "block")
    leaves = bytearray(base64.b64decode(block["leaves"]))
    leaves[20 * 32] ^= 1
    block["leaves"] = base64.b64encode(leaves).decode()


class TestTampered:
    def test_every_flipped_byte_is_caught(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        key = key_of(actor.tenant_id)
        chance = random.Random(20261121)
        first_line = bundle.index(b"\n")
        places = [chance.randrange(len(bundle)) for _ in range(150)]
        places += [chance.randrange(first_line + 1) for _ in range(150)]
        places += [0, first_line, first_line + 1, len(bundle) - 1]

        for place in places:
            flipped = bytearray(bundle)
            flipped[place] ^= 1 << chance.randrange(8)
            assert problem_of(bytes(flipped)) is not None, place
            assert problem_of(bytes(flipped), key=key) is not None, place

    def test_cut_and_lengthened_bundles_are_caught(self, sealed: Sealed) -> None:
        _, bundle = sealed
        lines = bundle.splitlines(keepends=True)

        assert "record 299: it is missing" in str(problem_of(b"".join(lines[:-1])))
        assert problem_of(bundle + b"\n") is not None
        assert problem_of(bundle + lines[-1]) is not None
        assert problem_of(bundle[:-1]) is not None
        assert problem_of(b"") == "manifest: it is no JSON"

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ("changed", "record 20: it is not the record that was sealed"),
            ("removed", "record 20: it is missing, record 21 is in its place"),
            ("inserted", "record 20: it is missing, record 25 is in its place"),
            ("reordered", "record 20: it is not the record that was sealed"),
            ("other_payload", "record 20: the payload's key is not what was recorded"),
            ("no_salt", "record 20: the payload's key is malformed"),
            ("hidden", "record 20: no later record documents its erasure"),
            ("no_record", "record 20: it is no record"),
            ("forged_block", "record 0: the block that begins here: it is not in the tree"),
        ],
    )
    def test_even_with_the_key_the_first_bad_record_is_named(
        self, sealed: Sealed, change: str, named: str
    ) -> None:
        """Whoever made the bundle signed it, and lied: the tree's root tells."""
        actor, bundle = sealed
        lines = lines_of(bundle)

        CHANGES[change](lines)

        assert named in str(problem_of(resigned(actor.tenant_id, lines)))

    def test_a_tail_left_out_with_the_key_is_found_by_the_tree(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        lines = [line for line in lines_of(bundle) if line.get("index", 0) < 290]
        cut = resigned(actor.tenant_id, lines, ranges=[[0, 290]], tree_size=290)

        assert problem_of(cut) is not None

    def test_a_forged_record_with_a_path_is_named(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        record = next(line for line in lines_of(bundle) if line.get("index") == 150)
        request = record["record"]["request_id"]
        lines = lines_of(export(actor.tenant_id, request_id=request))
        lines[-1]["record"]["outcome"] = "deny"

        assert "record 150: it is not the record" in str(
            problem_of(resigned(actor.tenant_id, lines))
        )
        del lines[-1]["path"]
        lines[-1]["path"] = None
        assert "record 150: it has no proof" in str(problem_of(resigned(actor.tenant_id, lines)))


class TestForged:
    """What only a key, a tenant or a checkpoint from elsewhere can tell."""

    def test_another_key_is_not_the_trusted_one(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        other = key_of(an_agent().tenant_id)  # the same key, for another log

        assert "not signed by the key you trust" in str(problem_of(bundle, key=other))
        forger = Signer(actor.id, Ed25519PrivateKey.generate())
        manifest, *_ = lines_of(bundle)
        content = {name: value for name, value in manifest.items() if name != "signature"}
        origin = origin_of(actor.tenant_id)
        content["key"] = str(forger.verifier(origin))
        forged = forger.manifest(content).encode() + bundle[bundle.index(b"\n") + 1 :]
        assert "not signed by the key you trust" in str(
            problem_of(forged, key=key_of(actor.tenant_id))
        )
        content["key"] = str(forger.verifier("elsewhere"))
        assert "signs for" in str(problem_of(forger.manifest(content).encode()))

    def test_a_record_of_another_tenant_is_named(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        wrong = resigned(actor.tenant_id, lines_of(bundle), tenant_id=str(actor.id))

        assert problem_of(wrong) == "record 0: it belongs to another tenant"

    def test_a_fork_is_found_by_a_checkpoint_kept_elsewhere(self, sealed: Sealed) -> None:
        actor, bundle = sealed
        with tenant_scope(actor.tenant_id):
            signer: Signer = run_flow(sealing_key())
            newest = run_flow(latest_checkpoint(actor.tenant_id))
        origin = origin_of(actor.tenant_id)
        for size in (10, 13, 200, 300):
            fork = signer.checkpoint(origin, size, sha256(b"fork").digest(), newest.sealed_at)
            assert "fork" in str(problem_of(bundle, checkpoint=fork)), size

        cut = signer.checkpoint(origin, 301, sha256(b"cut").digest(), newest.sealed_at)
        assert "the history was cut" in str(problem_of(bundle, checkpoint=cut))
        other = signer.checkpoint("elsewhere", 10, sha256(b"").digest(), newest.sealed_at)
        assert "none of the keys signed" in str(problem_of(bundle, checkpoint=other))

    def test_a_part_says_when_it_cannot_tell(self, sealed: Sealed) -> None:
        actor, _ = sealed
        part = export(actor.tenant_id, action="nothing")
        proved = export(actor.tenant_id, 13, action="nothing")
        kept = note_at(actor.tenant_id, 13)

        assert "export one that names its size" in str(problem_of(part, checkpoint=kept))
        assert problem_of(proved, checkpoint=kept) is None


class TestDatabase:
    """F23, F41: a superuser's hand in the database."""

    def sealed(self, seals: Path) -> tuple[Actor, list[UUID]]:
        actor = an_agent()
        ids = []
        for count in (40, 120):
            ids += write_records(actor, count)
            seal(seals)
        return actor, ids

    def change(self, sql: str, *parameters: Any) -> None:
        with connect(autocommit=True) as session:
            session.execute(sql, parameters)

    def test_an_edited_record_is_named(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        self.change(
            "UPDATE stateward_audit_record SET record ="
            " convert_to(replace(convert_from(record, 'UTF8'), 'booker', 'bandit')"
            " || ' ', 'UTF8') WHERE id = %s", ids[70],
        )  # fmt: skip

        assert "record 70: what the database holds is not" in str(
            problem_of(export(actor.tenant_id))
        )

    def test_removed_records_are_named(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        self.change("DELETE FROM stateward_audit_record WHERE id = ANY (%s)", ids[-100:])

        assert "record 60: no later record" in str(problem_of(export(actor.tenant_id)))

    def test_a_whole_batch_that_is_gone_is_named(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        self.change("DELETE FROM stateward_audit_record WHERE id = ANY (%s)", ids[:40])

        assert "record 0: no later record" in str(problem_of(export(actor.tenant_id)))

    def test_records_put_back_with_the_same_ids_are_named(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        self.change(
            "WITH gone AS (DELETE FROM stateward_audit_record WHERE id = ANY (%s) RETURNING *)"
            " INSERT INTO stateward_audit_record SELECT tenant_id, at, id,"
            " nextval('stateward_order'), pg_current_xact_id(), action, outcome, actor_type,"
            " actor_id, 'bandit', resource_type, resource_id, namespace_id, classification,"
            " decision_id, request_id, run,"
            " convert_to(replace(convert_from(record, 'UTF8'), 'allow', 'deny_'), 'UTF8'), payload"
            " FROM gone",
            ids[:10],
        )
        seal(seals)

        assert "record 0: no later record" in str(problem_of(export(actor.tenant_id)))

    def test_a_record_slipped_into_a_sealed_pass_is_named(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        self.change(
            "INSERT INTO stateward_audit_record SELECT tenant_id, at, gen_random_uuid(), seq, xid,"
            " action, outcome, actor_type, actor_id, 'bandit', resource_type, resource_id,"
            " namespace_id, classification, decision_id, request_id, run, record || ' ', payload"
            " FROM stateward_audit_record WHERE id = %s", ids[50],
        )  # fmt: skip

        assert "a record was inserted after sealing" in str(problem_of(export(actor.tenant_id)))

    def test_an_erasure_that_is_documented_is_accepted(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        write_records(actor, 1, action="audit.erase", extra={"erased": [[5, 7], [20, 21]]})
        seal(seals)
        gone = [ids[5], ids[6], ids[20]]
        self.change("DELETE FROM stateward_audit_record WHERE id = ANY (%s)", gone)
        bundle = export(actor.tenant_id)
        assert problem_of(bundle) is None
        assert sum(line["kind"] == "leaf" for line in lines_of(bundle)) == 3

        self.change("DELETE FROM stateward_audit_record WHERE id = %s", ids[21])
        assert "record 21" in str(problem_of(export(actor.tenant_id)))

    def test_erased_payloads_leave_the_proof_whole(self, seals: Path) -> None:
        actor, ids = self.sealed(seals)
        self.change(
            "UPDATE stateward_audit_record SET payload = payload #- '{key}' #- '{salts,key}'"
            " WHERE id = %s", ids[3],
        )  # fmt: skip
        self.change("UPDATE stateward_audit_record SET payload = '{}' WHERE id = %s", ids[4])

        assert problem_of(export(actor.tenant_id)) is None
