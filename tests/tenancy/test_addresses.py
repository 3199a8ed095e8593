"""Which address counts as the client's."""

import pytest

from stateward.tenancy.addresses import is_trusted, source_address

PROXIES = ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # anyone may send the header
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the left is the client's own word
        ("10.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.9, 10.0.0.7", "10.0.0.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("fd00::1", "[2001:db8::5]", "2001:db8::5"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", "203.0.113.9"),  # our own data plane, on its socket
        ("unix:", "203.0.113.9", "203.0.113.9"),
        ("", "", ""),
    ],
)
def test_the_source_is_as_far_as_trusted_hands_wrote(
    peer: str, forwarded: str, source: str
) -> None:
    assert source_address(peer, forwarded, PROXIES) == source


def test_without_named_proxies_nobody_is_believed() -> None:
    assert source_address("10.0.0.1", "203.0.113.9", []) == "10.0.0.1"
    assert not is_trusted("10.0.0.1", [])
    assert is_trusted("10.0.0.1", PROXIES)
    assert not is_trusted("", PROXIES)
