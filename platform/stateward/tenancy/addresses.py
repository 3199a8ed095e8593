"""Where a request really came from, when proxies stand between."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def source_address(peer: str, forwarded_for: str, trusted: Sequence[str]) -> str:
    """The nearest address that is not one of our own proxies; '' when there is none to name.

    ``peer`` is who opened the connection: an address, or what is none ('', 'unix:') for our own
    data plane on its Unix socket. ``forwarded_for`` is read from the right, and only as far as
    trusted hands wrote it: anyone may send that header.
    """
    return _source_address(peer, forwarded_for, tuple(trusted))


@lru_cache(maxsize=4096)
def _source_address(peer: str, forwarded_for: str, trusted: tuple[str, ...]) -> str:
    networks = parse_networks(trusted)
    here = parse_address(peer)
    if here is not None and not _is_within(here, networks):
        return str(here)
    for text in reversed(forwarded_for.split(",")):
        hop = parse_address(text)
        if hop is None:
            break
        here = hop
        if not _is_within(hop, networks):
            break
    return str(here or "")


def is_trusted(peer: str, trusted: Sequence[str]) -> bool:
    """Whether ``peer`` is one of our own proxies, whose word on the client counts."""
    address = parse_address(peer)
    return address is not None and _is_within(address, parse_networks(tuple(trusted)))


def parse_address(text: str) -> Address | None:
    try:
        found = ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


@lru_cache(maxsize=16)
def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


def _is_within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
