from __future__ import annotations

import hashlib
import hmac
import os
import traceback
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.keys.counting import LIMIT, Messages
from stateward.gate.keys.data_key import StoredKey
from stateward.gate.keys.exceptions import CannotOpen, KeysUnavailable
from stateward.gate.keys.framing import OVERHEAD_BYTES, framed
from stateward.gate.keys.ring import KeyRing, Sealed
from tests.factories.keys import TENANT_KEY, WRAPPER, make_ring, make_stored_key

TENANT, OTHER_TENANT = UUID(int=1), UUID(int=2)
NAMESPACE, OTHER_NAMESPACE = UUID(int=11), UUID(int=12)
KEY_ID, OTHER_KEY_ID = UUID(int=21), UUID(int=22)
SECRET = b"the patient's name is Ada"
KEY = bytes(range(32))


def ring_of(*stored: StoredKey, tenant: UUID = TENANT) -> KeyRing:
    return make_ring(tenant, stored)


@pytest.fixture
def ring() -> KeyRing:
    return ring_of(
        make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID),
        make_stored_key(TENANT, OTHER_NAMESPACE, key_id=OTHER_KEY_ID, key=bytes(32)),
        make_stored_key(TENANT, None, key=b"h" * 32),
    )


def opened(ring: KeyRing, sealed: Sealed, key: str = "k") -> bytes:
    return ring.open(NAMESPACE, key, "value", sealed.write_id, sealed.data)


# What the cipher itself is: McGrew and Viega's test cases 13, 14 and 16 for a key of 256 bits.
VECTORS = [
    ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
        "00" * 32,
        "00" * 12,
        "",
        "00" * 16,
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (
        "feffe9928665731c6d6a8f9467308308" * 2,
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]


@pytest.mark.parametrize(("key", "nonce", "aad", "plain", "sealed"), VECTORS)
def test_the_cipher_gives_the_known_answers(
    key: str, nonce: str, aad: str, plain: str, sealed: str
) -> None:
    cipher = AESGCM(bytes.fromhex(key))

    answer = cipher.encrypt(bytes.fromhex(nonce), bytes.fromhex(plain), bytes.fromhex(aad))

    assert answer.hex() == sealed


def test_the_layout_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written out by hand, so that what is stored today opens in ten years."""
    stored = make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID, version=3)
    monkeypatch.setattr(os, "urandom", lambda count: bytes(range(count)))

    sealed = ring_of(stored).seal(NAMESPACE, "clé", "value", b'{"a":1}')

    write_id, nonce = bytes(range(16)), bytes(range(16, 28))
    parts = (
        b"\x01",
        TENANT.bytes,
        NAMESPACE.bytes,
        "clé".encode(),
        b"value",
        write_id,
        KEY_ID.bytes,
        b"\0\0\0\x03",
    )
    aad = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    header = b"\x01\x01" + KEY_ID.bytes + b"\0\0\0\x03" + nonce
    assert sealed == (
        UUID(bytes=write_id),
        KEY_ID,
        3,
        header + AESGCM(KEY).encrypt(nonce, b'{"a":1}', aad),
    )
    assert sealed.data[-23:].hex() == "06dcf93473f847f694c0fe5046b5a01fbd3488173e5943"


@given(st.binary(max_size=3000), st.text(max_size=80), st.text(max_size=20))
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, key: str, field: str) -> None:
    ring = ring_of(make_stored_key(TENANT, NAMESPACE))

    sealed = ring.seal(NAMESPACE, key, field, plaintext)

    assert ring.open(NAMESPACE, key, field, sealed.write_id, sealed.data) == plaintext
    assert len(sealed.data) == len(plaintext) + OVERHEAD_BYTES


PLACES = st.tuples(st.text(max_size=12), st.text(max_size=12))


@given(PLACES, PLACES, st.uuids(), st.binary(max_size=64))
def test_a_value_moved_to_another_place_does_not_open(
    place: tuple[str, str], other: tuple[str, str], write_id: UUID, plaintext: bytes
) -> None:
    ring = ring_of(make_stored_key(TENANT, NAMESPACE))
    sealed = ring.seal(NAMESPACE, *place, plaintext)

    if other != place:
        with pytest.raises(CannotOpen):
            ring.open(NAMESPACE, *other, sealed.write_id, sealed.data)
    if write_id != sealed.write_id:
        with pytest.raises(CannotOpen):
            ring.open(NAMESPACE, *place, write_id, sealed.data)


@given(st.lists(st.binary(max_size=8), max_size=5), st.lists(st.binary(max_size=8), max_size=5))
def test_no_two_bindings_give_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (framed(*one) == framed(*other)) == (one == other)


def test_a_value_moved_to_another_namespace_does_not_open(ring: KeyRing) -> None:
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(CannotOpen) as caught:
        ring.open(OTHER_NAMESPACE, "k", "value", sealed.write_id, sealed.data)

    assert caught.value.reason == "another namespace's key"


def test_a_value_moved_to_another_namespace_with_the_same_key_does_not_open() -> None:
    """Not even if someone had given both the same key under the same name."""
    here = ring_of(make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID))
    there = ring_of(make_stored_key(TENANT, OTHER_NAMESPACE, key_id=KEY_ID))
    sealed = here.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(CannotOpen):
        there.open(OTHER_NAMESPACE, "k", "value", sealed.write_id, sealed.data)


def test_a_value_moved_to_another_tenant_does_not_open(ring: KeyRing) -> None:
    theirs = ring_of(make_stored_key(OTHER_TENANT, NAMESPACE, key_id=KEY_ID), tenant=OTHER_TENANT)

    with pytest.raises(CannotOpen):
        opened(theirs, ring.seal(NAMESPACE, "k", "value", SECRET))


def test_a_value_said_to_be_under_another_version_does_not_open() -> None:
    """Both versions are the same key here: the version is bound, not only looked up."""
    old = make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID, state="decrypt_only")
    new = make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID, version=2)
    ring = ring_of(old, new)
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)
    data = sealed.data[:18] + (1).to_bytes(4, "big") + sealed.data[22:]

    with pytest.raises(CannotOpen):
        opened(ring, sealed._replace(data=data))


@given(st.integers(0, OVERHEAD_BYTES + len(SECRET) - 1), st.integers(1, 255))
def test_one_changed_byte_is_seen_wherever_it_is(at: int, change: int) -> None:
    ring = ring_of(make_stored_key(TENANT, NAMESPACE))
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)
    data = bytearray(sealed.data)
    data[at] ^= change

    with pytest.raises(CannotOpen):
        opened(ring, sealed._replace(data=bytes(data)))


@given(st.integers(0, OVERHEAD_BYTES + len(SECRET) - 1))
def test_a_truncated_value_does_not_open(length: int) -> None:
    ring = ring_of(make_stored_key(TENANT, NAMESPACE))
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(CannotOpen):
        opened(ring, sealed._replace(data=sealed.data[:length]))


def test_a_value_under_an_unknown_key_does_not_open(ring: KeyRing) -> None:
    stranger = ring_of(make_stored_key(TENANT, NAMESPACE))

    with pytest.raises(CannotOpen) as caught:
        opened(ring, stranger.seal(NAMESPACE, "k", "value", SECRET))

    assert caught.value.reason == "no such key"


def test_the_hash_key_opens_no_value(ring: KeyRing) -> None:
    hash_key = make_stored_key(TENANT, None, key_id=KEY_ID)
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(CannotOpen):
        opened(ring_of(hash_key), sealed)


def test_an_old_version_only_opens() -> None:
    old = make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID)
    before = ring_of(old).seal(NAMESPACE, "k", "value", SECRET)
    new = make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID, version=2, key=b"2" * 32)
    ring = ring_of(replace(old, state="decrypt_only"), new)

    after = ring.seal(NAMESPACE, "k", "value", SECRET)

    assert (before.key_version, after.key_version) == (1, 2)
    assert opened(ring, before) == opened(ring, after) == SECRET


def test_without_an_active_key_nothing_is_sealed() -> None:
    ring = ring_of(make_stored_key(TENANT, NAMESPACE, state="decrypt_only"))

    with pytest.raises(KeysUnavailable) as caught:
        ring.seal(NAMESPACE, "k", "value", SECRET)

    assert caught.value.reason == "the namespace has no active key"


def test_a_namespace_key_put_in_the_place_of_another_is_not_unwrapped() -> None:
    mine = make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID)
    theirs = replace(mine, namespace_id=OTHER_NAMESPACE)

    with pytest.raises(KeysUnavailable):
        ring_of(theirs).seal(OTHER_NAMESPACE, "k", "value", SECRET)


def test_a_data_key_whose_tenant_key_is_missing_is_not_used() -> None:
    orphan = make_stored_key(TENANT, NAMESPACE, tenant_key_id=UUID(int=99))

    with pytest.raises(KeysUnavailable):
        ring_of(orphan).seal(NAMESPACE, "k", "value", SECRET)


def test_namespaces_are_put_in_one_by_one() -> None:
    ring = ring_of()
    before = ring.knows(NAMESPACE)

    ring.add(NAMESPACE, [make_stored_key(TENANT, NAMESPACE)])
    ring.add(OTHER_NAMESPACE, [])

    assert (before, ring.knows(NAMESPACE), ring.knows(OTHER_NAMESPACE)) == (False, True, True)
    assert opened(ring, ring.seal(NAMESPACE, "k", "value", SECRET)) == SECRET


def test_write_ids_and_nonces_are_new_each_time(ring: KeyRing) -> None:
    sealed = [ring.seal(NAMESPACE, "k", "value", SECRET) for _ in range(1000)]

    assert len({one.write_id for one in sealed}) == 1000
    assert len({one.data[22:34] for one in sealed}) == 1000


def test_the_value_hash_is_keyed(ring: KeyRing) -> None:
    expected = hmac.digest(b"h" * 32, SECRET, hashlib.sha256)

    assert [ring.value_hash(SECRET), ring.value_hash(SECRET)] == [expected, expected]
    assert ring.value_hash(SECRET + b".") != expected


def test_without_a_hash_key_nothing_is_hashed() -> None:
    with pytest.raises(KeysUnavailable):
        ring_of().value_hash(SECRET)


def test_a_commitment_is_opened_by_its_salt(ring: KeyRing) -> None:
    """As the offline verifier does it, who has no key."""
    assert ring.commit(b"salt", "Adá") == hashlib.sha256(b"salt" + "Adá".encode()).hexdigest()


def test_a_worn_out_key_seals_no_more_but_opens() -> None:
    stored = make_stored_key(TENANT, NAMESPACE, messages=LIMIT - 1)
    ring = ring_of(stored)
    last = ring.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(KeysUnavailable) as caught:
        ring.seal(NAMESPACE, "k", "value", SECRET)

    assert caught.value.reason == "a data key has sealed all the messages it may"
    assert opened(ring, last) == SECRET


def test_counting_goes_on_when_the_keys_are_loaded_again() -> None:
    messages = Messages()
    stored = make_stored_key(TENANT, NAMESPACE, messages=LIMIT - 2)
    make_ring(TENANT, [stored], messages=messages).seal(NAMESPACE, "k", "value", SECRET)
    ring = make_ring(TENANT, [stored], messages=messages)
    ring.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(KeysUnavailable):
        ring.seal(NAMESPACE, "k", "value", SECRET)


def test_a_ring_knows_whether_the_tenant_has_what_it_needs(ring: KeyRing) -> None:
    without_hash = ring_of(make_stored_key(TENANT, NAMESPACE))
    without_any = KeyRing(TENANT, {}, [], wrapping_key=None)

    assert [one.is_complete for one in (ring, without_hash, without_any)] == [True, False, False]
    assert ring.wrapping_key == TENANT_KEY
    with pytest.raises(KeysUnavailable):
        _ = without_any.wrapping_key


def test_errors_tell_nothing_of_what_they_are_about(ring: KeyRing) -> None:
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)
    said = ""
    for attempt in (
        lambda: opened(ring, sealed, key="other"),
        lambda: opened(ring, sealed._replace(data=sealed.data[:40])),
        lambda: opened(ring, sealed._replace(data=b"\x02" + sealed.data[1:])),
        lambda: WRAPPER.unwrap(WRAPPER.wrap(KEY, b"here"), b"there"),
        lambda: WRAPPER.unwrap(b"short"),
        lambda: ring.seal(UUID(int=99), "k", "value", SECRET),
    ):
        with pytest.raises((CannotOpen, KeysUnavailable)) as caught:
            attempt()
        said += "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))

    for secret in (SECRET, KEY, sealed.data[34:]):
        assert secret.decode("latin-1") not in said
        assert secret.hex() not in said
        assert repr(secret)[2:-1] not in said


def test_a_refusal_outside_is_one_sentence(ring: KeyRing) -> None:
    sealed = ring.seal(NAMESPACE, "k", "value", SECRET)

    with pytest.raises(CannotOpen) as moved:
        opened(ring, sealed, key="other")
    with pytest.raises(CannotOpen) as cut:
        opened(ring, sealed._replace(data=b""))

    assert moved.value.detail == cut.value.detail == "A stored value cannot be decrypted."
    assert moved.value.members == cut.value.members == {}
    assert (moved.value.reason, cut.value.reason) == (
        "altered, or moved from its place",
        "truncated",
    )
