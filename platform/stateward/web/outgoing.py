"""Calls that leave this installation: only to addresses that were looked at, and bounded.

A name is resolved once, every address it has is judged, and the connection goes to the very address
that was judged: a name that resolves to another one a moment later leads nowhere. Addresses inside
(loopback, private, carrier's, mapped and translated ones) are for hosts the operator has listed;
link-local ones, where clouds keep their credentials, are for nobody. No redirect is followed, no
proxy taken from the environment, and an answer ends at a size and at a time.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import httpcore
import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The last 32 bits of these are an IPv4 address.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Of these nobody can tell where they lead.
_TUNNELS = (ipaddress.ip_network("64:ff9b:1::/48"), ipaddress.ip_network("2001::/32"))
_CARRIERS = ipaddress.ip_network("100.64.0.0/10")
# Where clouds answer with credentials, beside the link-local networks.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))


class AddressRefused(httpx.ConnectError):
    """The host's address is not one that calls may go to."""


class AnswerTooLarge(httpx.ReadError):
    """The answer is longer than what is read."""


class AnswerTooSlow(httpx.ReadTimeout):
    """The answer has not ended in time."""


class Bounds(NamedTuple):
    """How much of an answer is read, and how long all calls of one transport may take together."""

    size_bytes: int
    seconds: float


def is_forbidden(address: Address) -> bool:
    """Whether nobody may be sent there."""
    plain = _plain(address)
    return (
        plain.is_link_local
        or plain.is_multicast
        or plain.is_unspecified
        or plain in _METADATA
        or _is_broadcast(plain)
    )


def is_inside(address: Address) -> bool:
    """Whether it is not on the open internet, and so for listed hosts only."""
    plain = _plain(address)
    if isinstance(plain, ipaddress.IPv4Address) and plain in _CARRIERS:
        return True
    if isinstance(plain, ipaddress.IPv6Address) and any(plain in each for each in _TUNNELS):
        return True
    return not plain.is_global


def vetted_address(host: str, port: int, listed: Collection[str]) -> str:
    """The address to connect to. AddressRefused where any address the name has is not allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"{host} has no address") from None
    addresses = [ipaddress.ip_address(str(place[4][0]).partition("%")[0]) for place in found]
    is_listed = host.lower() in listed
    for address in addresses:
        if is_forbidden(address) or (is_inside(address) and not is_listed):
            raise AddressRefused(f"{host} leads to an address that calls may not go to")
    if not addresses:
        raise AddressRefused(f"{host} has no address")
    return str(addresses[0])


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_broadcast(address: Address) -> bool:
    return address == ipaddress.IPv4Address("255.255.255.255")


class VettedTransport(httpx.BaseTransport):
    """A transport for httpx that keeps to all of this."""

    def __init__(self, *, listed: Collection[str] = (), bounds: Bounds) -> None:
        self._listed = frozenset(name.lower() for name in listed)
        self._size_bytes = bounds.size_bytes
        self._deadline = time.monotonic() + bounds.seconds
        self._inner = httpx.HTTPTransport(trust_env=False)
        # A head that comes byte by byte keeps to every timeout, since each is for one read; so the
        # sockets themselves are told when time is over. httpx has no other door for this.
        self._inner._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            network_backend=_Hurried(self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in {"http", "https"}:
            raise AddressRefused("only http and https are spoken")
        port = url.port or (443 if url.scheme == "https" else 80)
        address = vetted_address(url.host, port, self._listed)
        # The certificate is compared with the name, the connection goes to the address.
        patience = self._patience(request.extensions.get("timeout") or {})
        request.extensions = {**request.extensions, "sni_hostname": url.host, "timeout": patience}
        request.url = url.copy_with(host=address)
        response = self._inner.handle_request(request)
        stream = _Bounded(response, self._size_bytes, self._deadline)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=stream,
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._inner.close()

    def _patience(self, asked: Mapping[str, float | None]) -> dict[str, float]:
        """What the caller would wait for each step, or what is left. AnswerTooSlow where nothing
        is.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise AnswerTooSlow("no time is left")
        steps = ("connect", "read", "write", "pool")
        return {
            step: left if (own := asked.get(step)) is None else min(own, left) for step in steps
        }


class _Hurried(httpcore.SyncBackend):
    """Sockets that all end at one time."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def connect_tcp(self, *arguments: Any, **named: Any) -> httpcore.NetworkStream:
        return _HurriedStream(super().connect_tcp(*arguments, **named), self._deadline)


class _HurriedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *arguments: Any, **named: Any) -> httpcore.NetworkStream:
        return _HurriedStream(self._inner.start_tls(*arguments, **named), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None, over: type[Exception]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise over("no time is left")
        return left if timeout is None else min(timeout, left)


class _Bounded(httpx.SyncByteStream):
    """A body, up to a size and a time."""

    def __init__(self, response: httpx.Response, size_bytes: int, deadline: float) -> None:
        self._response = response
        self._left = size_bytes
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        stream = self._response.stream
        assert isinstance(stream, httpx.SyncByteStream)  # noqa: S101  # the inner one is not async
        try:
            for piece in stream:
                self._left -= len(piece)
                if self._left < 0:
                    raise AnswerTooLarge("the answer is too large")
                if time.monotonic() > self._deadline:
                    raise AnswerTooSlow("the answer is too slow")
                yield piece
        except httpx.ReadTimeout:
            raise AnswerTooSlow("the answer is too slow") from None

    def close(self) -> None:
        self._response.close()
