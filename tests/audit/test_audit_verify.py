"""The auditor's file by itself: signatures, notes, and bundles made by hand, right and wrong."""

import io
import json
import random
import runpy
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.audit import verify
from stateward.gate.audit.merkle import (
    Frontier,
    consistency_ranges,
    needed,
    path_ranges,
    place,
    roots,
)
from stateward.gate.audit.notes import Signer
from stateward.gate.audit.verify import Invalid, Verification

ORIGIN = "log.example/one"
AT = datetime(2026, 11, 21, tzinfo=UTC)
TENANT = str(uuid4())


def a_signer() -> Signer:
    return Signer(uuid4(), Ed25519PrivateKey.generate())


SIGNER = a_signer()
KEY = SIGNER.verifier(ORIGIN)


class TestEd25519:
    # RFC 8032 section 7.1, tests 1 to 3: public key, message, signature.
    VECTORS = (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
         "1cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
         "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
         "984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    )  # fmt: skip

    @pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
    def test_the_standard_vectors_verify(self, key: str, message: str, signature: str) -> None:
        assert verify.ed25519_verifies(
            bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
        )

    @given(st.binary(max_size=40), st.integers(0, 95), st.integers(0, 7))
    def test_it_agrees_with_the_library(self, message: bytes, place: int, bit: int) -> None:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        signature = private.sign(message)
        assert verify.ed25519_verifies(public, message, signature)

        changed = bytearray(public + signature)
        changed[place] ^= 1 << bit
        assert not verify.ed25519_verifies(bytes(changed[:32]), message, bytes(changed[32:]))
        assert not verify.ed25519_verifies(public, message + b"x", signature)

    def test_a_second_form_of_a_signature_is_refused(self) -> None:
        """Adding the group's order to the scalar makes another signature that others accept."""
        private = Ed25519PrivateKey.generate()
        signature = private.sign(b"m")
        scalar = int.from_bytes(signature[32:], "little") + verify.ORDER
        second = signature[:32] + scalar.to_bytes(32, "little")

        public = private.public_key().public_bytes_raw()
        assert not verify.ed25519_verifies(public, b"m", second)

    @pytest.mark.parametrize(
        ("point", "why"),
        [
            (verify.P.to_bytes(32, "little"), "canonically"),
            ((2).to_bytes(32, "little"), "not a point"),
            ((1 | 1 << 255).to_bytes(32, "little"), "not a point"),  # x = 0 with a sign
        ],
    )
    def test_what_is_no_point_is_refused(self, point: bytes, why: str) -> None:
        with pytest.raises(Invalid, match=why):
            verify.decode_point(point)
        assert not verify.ed25519_verifies(point, b"", bytes(64))

    def test_lengths_are_checked(self) -> None:
        assert not verify.ed25519_verifies(b"short", b"", bytes(64))
        assert not verify.ed25519_verifies(bytes(32), b"", bytes(63))


class TestNotes:
    def note(self, size: int = 3, root: bytes = bytes(32), signer: Signer = SIGNER) -> str:
        return signer.checkpoint(ORIGIN, size, root, AT)

    def test_a_checkpoint_is_read_as_it_was_signed(self) -> None:
        checkpoint = verify.open_checkpoint(self.note(), [KEY])

        assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 3, bytes(32))
        assert checkpoint.extensions == ("time 2026-11-21T00:00:00.000000Z",)

    def test_a_key_is_written_and_read(self) -> None:
        assert verify.parse_key(f"{KEY}\n") == KEY
        name, _, data = str(KEY).split("+", 2)
        for text, why in (
            ("name+00000000", "written"),
            (f"{name}+00000000+{data}", "does not belong"),
            (f"{name}+00000000+{verify.encode64(bytes(33))}", "no Ed25519"),
            (f"{name}+00000000+AA", "malformed"),
        ):
            with pytest.raises(Invalid, match=why):
                verify.parse_key(text)

    def test_unknown_signatures_are_ignored_and_known_wrong_ones_are_not(self) -> None:
        other = a_signer()
        both = self.note() + self.note(signer=other).split("\n\n")[1]
        strange = self.note() + "— somebody " + verify.encode64(b"xxxx" + b"any length") + "\n"
        assert verify.open_checkpoint(both, [KEY]).size == 3
        assert verify.open_checkpoint(strange, [KEY]).size == 3
        with pytest.raises(Invalid, match="none of the keys"):
            verify.open_note(self.note(signer=other), [KEY])
        with pytest.raises(Invalid, match="is wrong"):
            verify.open_note(self.note().replace("\n3\n", "\n4\n"), [KEY])

    @pytest.mark.parametrize(
        ("note", "why"),
        [
            ("text\n", "no signed note"), ("text\n\n— a YWJjZGVm", "no signed note"),
            ("te\rxt\n\n— a YWJjZGVm\n", "control"), ("text\n\n- a YWJjZGVm\n", "malformed"),
            ("text\n\n— a\n", "malformed"), ("text\n\n— a YWJj\n", "malformed"),
            ("text\n\n— a YWJjZGVm=\n", "canonical"), ("text\n\n— a YWJjZGV=\n", "canonical"),
        ],
    )  # fmt: skip
    def test_what_is_no_note_is_refused(self, note: str, why: str) -> None:
        with pytest.raises(Invalid, match=why):
            verify.open_note(note, [KEY])

    @pytest.mark.parametrize(
        "text",
        ["", "o\n3\n", f"\n3\n{verify.encode64(bytes(32))}\n", "o\n3\nAAAA\n",
         f"o\n03\n{verify.encode64(bytes(32))}\n", f"o\n-3\n{verify.encode64(bytes(32))}\n",
         f"o\n3\n{verify.encode64(bytes(32))}\n\n", f"o\n٣\n{verify.encode64(bytes(32))}\n",
         f"o\n3\n{verify.encode64(bytes(32))}"],
    )  # fmt: skip
    def test_what_is_no_checkpoint_is_refused(self, text: str) -> None:
        with pytest.raises(Invalid):
            verify.parse_checkpoint(text)


class Log:
    """A log made by hand, and bundles of it."""

    def __init__(self, count: int) -> None:
        self.records = [
            {"action": "x", "id": str(number), "personal": {}, "tenant_id": TENANT}
            for number in range(count)
        ]
        self.tiles: dict[tuple[int, int], bytearray] = {}
        self.frontiers = [Frontier()]
        for record in self.records:
            grown = Frontier(self.frontiers[-1].size, self.frontiers[-1].peaks)
            grown.append(self.leaf(record), self.tiles)
            self.frontiers.append(grown)

    @staticmethod
    def leaf(record: dict[str, Any]) -> bytes:
        return verify.leaf_hash(verify.encode_json(record).encode())

    def read(self, ranges: list[Any]) -> list[str]:
        hashes = {}
        for node in needed(ranges):
            level, tile, position = place(node)
            hashes[node] = bytes(self.tiles[level, tile][position * 32 :][:32])
        return [verify.encode64(one) for one in roots(ranges, hashes)]

    def note(self, size: int, signer: Signer = SIGNER, origin: str = ORIGIN) -> str:
        return signer.checkpoint(origin, size, self.frontiers[size].root(), AT)

    def lines(self, size: int | None = None) -> list[dict[str, Any]]:
        size = len(self.records) if size is None else size
        lines: list[dict[str, Any]] = [
            {"kind": "key", "key": str(KEY)},
            {"kind": "checkpoint", "note": self.note(size)},
        ]
        for index in range(size):
            path = self.read(path_ranges(index, index + 1, size))
            lines.append(
                {"kind": "record", "index": index, "path": path, "payload": {},
                 "record": self.records[index]}
            )  # fmt: skip
        return lines

    def consistency(self, old: int, new: int) -> dict[str, Any]:
        proof = self.read(consistency_ranges(old, new))
        return {"kind": "consistency", "from": old, "to": new, "proof": proof}

    def bundle(self, lines: list[dict[str, Any]] | None = None, **manifest: Any) -> bytes:
        lines = self.lines() if lines is None else lines
        body = "".join(verify.encode_json(line) + "\n" for line in lines).encode()
        size = len(self.records)
        content = {
            "kind": "manifest", "format": verify.FORMAT, "tenant_id": TENANT, "origin": ORIGIN,
            "tree_size": size, "root": verify.encode64(self.frontiers[size].root()),
            "ranges": [[0, size]] if size else [], "sha256": sha256(body).hexdigest(),
            "key": str(KEY),
        }  # fmt: skip
        return SIGNER.manifest(content | manifest).encode() + body


LOG = Log(7)


def verdict(bundle: bytes, *trusted: verify.Key, outside: str | None = None) -> str:
    return str(Verification(list(trusted), outside).run(io.BytesIO(bundle)))


def changed(kind: str, **members: Any) -> bytes:
    """The bundle with one line of a kind changed; a member ``...`` is left out."""
    lines = LOG.lines()
    line = next(line for line in lines if line["kind"] == kind)
    for name, value in members.items():
        if value is ...:
            del line[name]
        else:
            line[name] = value
    return LOG.bundle(lines)


def with_line(line: dict[str, Any]) -> bytes:
    lines = LOG.lines()
    return LOG.bundle([*lines[:2], line, *lines[2:]])


class TestBundles:
    def test_one_made_by_hand_verifies(self) -> None:
        assert verdict(LOG.bundle()) == "None"
        assert verdict(LOG.bundle(), KEY) == "None"
        assert verdict(Log(0).bundle()) == "None"

    @pytest.mark.parametrize(
        ("members", "why"),
        [
            ({"kind": "x"}, "no manifest"), ({"format": "x"}, "no manifest"),
            ({"tenant_id": 1}, "a text is missing"), ({"tree_size": -1}, "a number is missing"),
            ({"tree_size": True}, "a number is missing"), ({"root": "AAAA"}, "32 bytes"),
            ({"root": 1}, "32 bytes"), ({"ranges": 1}, "a list is missing"),
            ({"ranges": [[0]]}, "range is malformed"), ({"ranges": [[2, 1]]}, "malformed"),
            ({"ranges": [[0, 4], [3, 7]]}, "not in order"), ({"key": "x"}, "key is written"),
            ({"origin": "elsewhere"}, "signs for"), ({"sha256": "0"}, "hash is not that"),
            ({"ranges": [[0, 8]]}, "record 7: it is missing"),
            ({"ranges": [[0, 6]]}, "record 6: it is more than"),
            ({"ranges": [[0, 3], [4, 7]]}, "record 4: it is missing, record 3"),
        ],
    )  # fmt: skip
    def test_a_wrong_manifest_is_refused(self, members: dict[str, Any], why: str) -> None:
        assert why in verdict(LOG.bundle(**members))

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ({"kind": "what"}, "no known kind (at or before record 0)"),
            ({"kind": []}, "a text is missing"),
            ({"kind": "key", "key": str(SIGNER.verifier("other"))}, "it belongs to other"),
            ({"kind": "key"}, "key: a text is missing"),
            ({"kind": "checkpoint", "note": "x"}, "checkpoint : this is no signed note"),
            ({"kind": "checkpoint", "note": Log(9).note(9)}, "a larger tree"),
            ({"kind": "checkpoint", "note": SIGNER.checkpoint(ORIGIN, 7, bytes(32), AT)}, "a fork"),
            ({"kind": "checkpoint", "note": LOG.note(3)}, "holds no proof from it"),
            ({"kind": "consistency", "from": "x"}, "consistency: a number is missing"),
            ({"kind": "block", "first": 0, "leaves": "AAAA", "path": []}, "32 bytes"),
            ({"kind": "block", "first": 0, "leaves": "", "path": []}, "not within"),
            ({"kind": "block", "first": 1, "leaves": verify.encode64(bytes(64)), "path": []},
             "no subtree"),
            ({"kind": "leaf", "index": 0, "hash": "AAAA"}, "record 0: a hash has 32 bytes"),
            ({"kind": "leaf", "index": 0, "hash": verify.encode64(bytes(32)), "path": ["AAAA"]},
             "not the record that was sealed (a hash has"),
            ({"kind": "stored", "index": None, "base64": "x"}, "inserted after sealing"),
            ({"kind": "stored", "index": 0, "base64": "x"}, "record 0: what the database"),
            ({"kind": "key", "key": 1.5}, "not whole"),
        ],
    )  # fmt: skip
    def test_a_wrong_line_is_named(self, line: dict[str, Any], why: str) -> None:
        assert why in verdict(with_line(line))

    def test_a_checkpoint_and_its_proof_verify(self) -> None:
        for old in range(1, 7):
            lines = LOG.lines()
            lines += [{"kind": "checkpoint", "note": LOG.note(old)}, LOG.consistency(old, 7)]
            assert verdict(LOG.bundle(lines)) == "None"
            wrong = LOG.consistency(old, 7) | {"proof": []}
            lines[-1] = wrong
            assert f"checkpoint (size {old})" in verdict(LOG.bundle(lines))

    @pytest.mark.parametrize(
        ("kind", "members", "why"),
        [
            ("checkpoint", {"note": ...}, "a text is missing"),
            ("record", {"record": []}, "record 0: it is no record"),
            ("record", {"path": ...}, "record 0: it has no proof"),
            ("record", {"path": []}, "a path of 3 hashes is needed"),
            ("record", {"index": 1}, "record 0: it is missing, record 1"),
            ("record", {"payload": {"key": 1, "salts": {}}}, "payload's key is malformed"),
            ("record", {"payload": {"key": "k", "salts": 1}}, "payload's key is not what"),
            ("record", {"payload": {"key": "k", "salts": {"key": 5}}}, "malformed"),
        ],
    )  # fmt: skip
    def test_a_wrong_member_is_named(self, kind: str, members: dict[str, Any], why: str) -> None:
        if members.get("note") is ...:
            lines = [line for line in LOG.lines() if line["kind"] != "checkpoint"]
            assert "none is signed" in verdict(LOG.bundle(lines))
        else:
            assert why in verdict(changed(kind, **members))

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            (b'{"kind":"record","record":{', "no end"), (b"\xff\n", "no UTF-8"),
            (b"[]\n", "no JSON object"), (b"{\n", "no JSON"), (b'{"a": 1}\n', "canonical"),
            (b"[" * 100_000 + b"\n", "no JSON"),
            (b'{"kind":"leaf","record":{}}\n', "no known kind"),
        ],
    )  # fmt: skip
    def test_what_is_no_line_is_named(self, line: bytes, why: str) -> None:
        assert why in verdict(LOG.bundle() + line)
        if line.endswith(b"\n"):
            manifest, body = LOG.bundle().split(b"\n", 1)
            assert why in verdict(manifest + b"\n" + line + body)

    def test_an_action_of_erasure_without_details_documents_nothing(self) -> None:
        for details in (None, {"erased": [[0, 1]]}):
            other = Log(0)
            other.records = [
                {"action": "x", "tenant_id": TENANT},
                {"action": "audit.erase", "details": details, "tenant_id": TENANT},
            ]
            for record in other.records:
                grown = Frontier(other.frontiers[-1].size, other.frontiers[-1].peaks)
                grown.append(other.leaf(record), other.tiles)
                other.frontiers.append(grown)
            lines = other.lines()
            gone = lines[2]
            lines[2] = {
                "kind": "leaf", "index": 0, "path": gone["path"],
                "hash": verify.encode64(other.leaf(gone["record"])),
            }  # fmt: skip
            said = verdict(other.bundle(lines))
            assert ("documents its erasure" in said) == (details is None)

    def test_records_are_proved_in_a_block(self) -> None:
        lines = [
            {name: value for name, value in line.items() if name != "path"} for line in LOG.lines()
        ]
        leaves = [LOG.leaf(record) for record in LOG.records]
        block = {"kind": "block", "first": 0, "leaves": verify.encode64(b"".join(leaves))}
        lines.insert(2, block | {"path": []})
        assert verdict(LOG.bundle(lines)) == "None"

        lines[3] = lines[3] | {"record": LOG.records[1]}
        assert verdict(LOG.bundle(lines)) == "record 0: it is not the record that was sealed"

    def test_a_payload_is_bound_to_its_record(self) -> None:
        salt = bytes(16)
        log = Log(0)
        bound = {"key": sha256(salt + b"k").hexdigest()}
        log.records = [{"action": "x", "personal": bound, "tenant_id": TENANT}]
        log.frontiers.append(Frontier(1, [log.leaf(log.records[0])]))
        lines = log.lines()
        for payload, valid in (
            ({"key": "k", "salts": {"key": salt.hex()}}, True),
            ({"salts": {}}, True),
            (None, True),
            ({"key": "l", "salts": {"key": salt.hex()}}, False),
            ({"other": "k", "salts": {"other": salt.hex()}}, False),
        ):
            lines[2]["payload"] = payload
            assert (verdict(log.bundle(lines)) == "None") is valid

    def test_a_record_may_hold_what_is_written_elsewhere(self) -> None:
        log = Log(0)
        log.records = [{"details": 1.5, "personal": {}, "tenant_id": TENANT}]
        log.frontiers.append(Frontier(1, [log.leaf(log.records[0])]))

        assert verdict(log.bundle()) == "None"

    def test_a_record_of_another_tenant_is_refused(self) -> None:
        assert "record 0: it belongs to another" in verdict(LOG.bundle(tenant_id=str(uuid4())))

    def test_a_key_that_is_not_the_trusted_one_is_refused(self) -> None:
        assert "the key you trust" in verdict(LOG.bundle(), a_signer().verifier(ORIGIN))


class TestKeptElsewhere:
    def test_a_larger_one_means_that_the_history_was_cut(self) -> None:
        assert "the history was cut" in verdict(LOG.bundle(), outside=Log(8).note(8))

    def test_keys_of_several_logs_do_not_mix(self) -> None:
        other = SIGNER.verifier("other")
        note = LOG.note(7, origin="other")
        lines = LOG.lines()
        lines[1] = {"kind": "checkpoint", "note": note}

        assert "of another log, other" in verdict(LOG.bundle(lines), KEY, other)
        assert "of another log, other" in verdict(LOG.bundle(), KEY, other, outside=note)

    def test_the_empty_tree_begins_every_tree(self) -> None:
        assert verdict(LOG.bundle(), outside=LOG.note(0)) == "None"
        wrong = SIGNER.checkpoint(ORIGIN, 0, bytes(32), AT)
        assert "forked" in verdict(LOG.bundle(), outside=wrong)

    def test_from_the_records_themselves(self) -> None:
        for size in range(1, 8):
            assert verdict(LOG.bundle(), outside=LOG.note(size)) == "None"
            fork = SIGNER.checkpoint(ORIGIN, size, bytes(32), AT)
            assert "forked" in verdict(LOG.bundle(), outside=fork)


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "bundle").write_bytes(LOG.bundle())
        (tmp_path / "key").write_text(f"\n# the operator's\n{KEY}\n")
        (tmp_path / "empty").write_text("# nothing\n")
        (tmp_path / "kept").write_text(LOG.note(4))
        return tmp_path

    def said(
        self, folder: Path, capsys: pytest.CaptureFixture[str], *names: str
    ) -> tuple[int, str]:
        arguments = [name if name.startswith("-") else str(folder / name) for name in names]
        return verify.main(arguments), capsys.readouterr().out

    def test_it_says_what_it_proves_and_what_not(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, plain = self.said(folder, capsys, "bundle")
        assert code == 0
        assert "VALID: 7 records (7 in full)" in plain
        assert "not tied to a trusted key" in plain
        assert "none kept elsewhere was given" in plain
        code, full = self.said(folder, capsys, "bundle", "--key", "key", "--checkpoint", "kept")
        assert code == 0
        assert "the one you trust" in full
        assert "consistent" in full

    @pytest.mark.parametrize(
        ("names", "why"),
        [
            (("nothing",), "No such file"), (("bundle", "--key", "empty"), "holds no key"),
            (("bundle", "--key", "kept"), "a key is written"),
            (("bundle", "--checkpoint", "key"), "no signed note"), (("kept",), "manifest"),
        ],
    )  # fmt: skip
    def test_it_fails_with_the_reason(
        self, folder: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], why: str
    ) -> None:
        code, said = self.said(folder, capsys, *names)

        assert code == 1
        assert said.startswith("INVALID: ")
        assert why in said

    def test_it_runs_as_a_program(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["verify.py", str(folder / "bundle")])

        with pytest.raises(SystemExit) as end:
            runpy.run_path(verify.__file__, run_name="__main__")

        assert end.value.code == 0
        assert "VALID" in capsys.readouterr().out


def test_no_mutation_of_a_bundle_verifies() -> None:
    """Bytes changed, taken out, put in, doubled: nothing but the bundle itself is valid."""
    bundle = LOG.bundle()
    chance = random.Random(1)
    for _ in range(600):
        place, length = chance.randrange(len(bundle)), chance.choice((1, 1, 3, 40))
        piece = chance.choice((b"", bundle[place : place + length] * 2, chance.randbytes(length)))
        other = bundle[:place] + piece + bundle[place + length :]
        if other != bundle:
            assert verdict(other, KEY) != "None", (place, piece)
    assert json.loads(bundle.split(b"\n")[0])["tree_size"] == 7
