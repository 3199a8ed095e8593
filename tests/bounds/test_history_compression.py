"""Values in less space: what is sealed compressed opens as what it was, and only in its place."""

from __future__ import annotations

import os
from uuid import UUID

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stateward.gate.keys.compression import MOST_BYTES, compressed, inflated
from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.framing import COMPRESSED, FORMAT, OVERHEAD_BYTES
from stateward.gate.keys.ring import KeyRing
from tests.factories.keys import make_ring, make_stored_key

TENANT, NAMESPACE, KEY_ID = UUID(int=1), UUID(int=11), UUID(int=21)
TEXT = b'{"note": "' + b"the same words again and again " * 100 + b'"}'


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    return make_ring(
        TENANT,
        [
            make_stored_key(TENANT, NAMESPACE, key_id=KEY_ID),
            make_stored_key(TENANT, None, key=b"h" * 32),
        ],
    )


@given(value=st.binary(max_size=4000) | st.binary(max_size=20).map(lambda part: part * 300))
def test_what_is_sealed_opens_as_it_was(ring: KeyRing, value: bytes) -> None:
    sealed = ring.seal(NAMESPACE, "k", "value", value, compress_over=1)

    assert ring.open(NAMESPACE, "k", "value", sealed.write_id, sealed.data) == value
    assert len(sealed.data) <= len(value) + OVERHEAD_BYTES


def test_only_what_is_large_and_gets_smaller_is_compressed(ring: KeyRing) -> None:
    def form(value: bytes, over: int | None) -> int:
        return ring.seal(NAMESPACE, "k", "value", value, compress_over=over).data[0]

    assert form(TEXT, None) == FORMAT
    assert form(TEXT, len(TEXT) + 1) == FORMAT
    assert form(TEXT, len(TEXT)) == COMPRESSED
    assert form(os.urandom(len(TEXT)), 1) == FORMAT
    assert len(ring.seal(NAMESPACE, "k", "value", TEXT, compress_over=1).data) < len(TEXT) // 10


def test_the_format_is_bound(ring: KeyRing) -> None:
    plain = ring.seal(NAMESPACE, "k", "value", TEXT)
    small = ring.seal(NAMESPACE, "k", "value", TEXT, compress_over=1)

    for sealed, other in ((plain, COMPRESSED), (small, FORMAT)):
        with pytest.raises(CannotOpen):
            ring.open(NAMESPACE, "k", "value", sealed.write_id, bytes((other,)) + sealed.data[1:])


@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_no_bit_of_it_can_be_altered(ring: KeyRing, place: int, bit: int) -> None:
    sealed = ring.seal(NAMESPACE, "k", "value", TEXT, compress_over=1)
    data = bytearray(sealed.data)
    data[place % len(data)] ^= 1 << bit

    with pytest.raises(CannotOpen):
        ring.open(NAMESPACE, "k", "value", sealed.write_id, bytes(data))


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"not a frame", id="not a frame"),
        pytest.param(compressed(TEXT)[:-4], id="cut short"),  # type: ignore[index]  # it pays
        pytest.param(
            zstandard.ZstdCompressor(write_content_size=False).compress(TEXT), id="without its size"
        ),
        pytest.param(zstandard.compress(bytes(MOST_BYTES + 1)), id="too large"),
    ],
)
def test_what_we_did_not_compress_is_not_inflated(frame: bytes) -> None:
    with pytest.raises(CannotOpen):
        inflated(frame)
