"""Calls that leave: only to addresses that were judged, and bounded in size and time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from stateward.web import outgoing
from stateward.web.outgoing import (
    AddressRefused,
    AnswerTooLarge,
    AnswerTooSlow,
    Bounds,
    VettedTransport,
    is_forbidden,
    is_inside,
    vetted_address,
)

INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "::ffff:127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.1.1",
    "fd00::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:1::",
    "192.0.2.1",
    "240.0.0.1",
]
FORBIDDEN = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fd00:ec2::254",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "100.100.100.200",
]
OUTSIDE = ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"]


class Server:
    """A socket that says what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.body = b"hello"
        self.pause, self.pieces = 0.0, 1
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.headers["Host"])
                self.send_response(302 if server.headers else 200)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for _ in range(server.pieces):
                    time.sleep(server.pause)
                    with suppress(OSError):
                        self.wfile.write(server.body)

            def log_message(self, *arguments: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.http.server_address[1])


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def client(*listed: str, size: int = 1_000, seconds: float = 5.0) -> httpx.Client:
    transport = VettedTransport(listed=listed, bounds=Bounds(size, seconds))
    return httpx.Client(transport=transport, trust_env=False)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_for_listed_hosts(address: str) -> None:
    assert is_inside(ip_address(address))
    assert not is_forbidden(ip_address(address))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_some_addresses_are_for_nobody(address: str) -> None:
    assert is_forbidden(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_open_internet_is_for_all(address: str) -> None:
    assert not is_inside(ip_address(address))
    assert not is_forbidden(ip_address(address))
    assert vetted_address(address, 443, ()) == address


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "::1", "localhost", "[::1]"],
)
def test_every_spelling_of_inside_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        vetted_address(host, 80, ())


def test_a_listed_host_is_no_way_to_what_is_forbidden() -> None:
    with pytest.raises(AddressRefused):
        vetted_address("169.254.169.254", 80, ["169.254.169.254"])


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300, "x..y"])
def test_a_name_without_an_address_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        vetted_address(host, 80, ())


def test_a_listed_host_is_called_by_its_name(server: Server) -> None:
    with client("localhost") as http:
        answer = http.get(f"http://localhost:{server.port}/")

    assert answer.text == "hello"
    assert server.asked == [f"localhost:{server.port}"]


def test_a_name_that_changes_its_address_leads_nowhere_new(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what was judged is what is connected to; the name is not asked again."""
    answers = iter(["192.0.2.1", "127.0.0.1"])
    real = socket.getaddrinfo

    def rebinds(host: Any, *arguments: Any, **named: Any) -> Any:
        if host != "rebinding.test":
            return real(host, *arguments, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), server.port))]

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", rebinds)
    monkeypatch.setattr(outgoing, "is_inside", lambda address: str(address) == "127.0.0.1")
    with client(seconds=0.2) as http, pytest.raises(httpx.TransportError):
        http.get(f"http://rebinding.test:{server.port}/", timeout=0.2)
    with client() as http, pytest.raises(AddressRefused):
        http.get(f"http://rebinding.test:{server.port}/")

    assert server.asked == []


def test_one_bad_address_among_good_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*arguments: Any, **named: Any) -> Any:
        return [(2, 1, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", both)

    with pytest.raises(AddressRefused):
        vetted_address("two-faced.test", 80, ())


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.headers = {"Location": "http://169.254.169.254/latest/meta-data/"}
    with client("127.0.0.1") as http:
        answer = http.get(f"http://127.0.0.1:{server.port}/")

    assert answer.status_code == 302
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://x.test/"])
def test_other_schemes_are_not_spoken(url: str) -> None:
    with client("127.0.0.1") as http, pytest.raises(httpx.TransportError):
        http.get(url)


def test_the_user_in_an_address_is_not_its_host(server: Server) -> None:
    with client("localhost") as http, pytest.raises(AddressRefused):
        http.get(f"http://localhost@127.0.0.1:{server.port}/")

    assert server.asked == []


def test_an_answer_ends_at_its_size(server: Server) -> None:
    server.body = b"x" * 2_000
    with client("127.0.0.1") as http, pytest.raises(AnswerTooLarge):
        http.get(f"http://127.0.0.1:{server.port}/")


def test_the_calls_of_one_transport_share_its_time(server: Server) -> None:
    with client("127.0.0.1", seconds=2) as http:
        assert http.get(f"http://127.0.0.1:{server.port}/").text == "hello"
        time.sleep(2)
        with pytest.raises(AnswerTooSlow):
            http.get(f"http://127.0.0.1:{server.port}/")


def test_an_answer_ends_at_its_time(server: Server) -> None:
    server.pause = 0.4
    with client("127.0.0.1", seconds=0.3) as http, pytest.raises(httpx.ReadTimeout):
        http.get(f"http://127.0.0.1:{server.port}/", timeout=60)


def test_an_answer_that_trickles_ends_at_its_time_too(server: Server) -> None:
    server.pause, server.pieces = 0.05, 20
    with client("127.0.0.1", seconds=0.3) as http, pytest.raises(AnswerTooSlow):
        http.get(f"http://127.0.0.1:{server.port}/")
