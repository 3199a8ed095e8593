"""Sinks in tests: a tenant with a sealed log, and places outside that behave as they are told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from governance.sinks import services
from governance.sinks.delivering import Turn, take_turn
from governance.sinks.models import Sink
from governance.sinks.queries import Standing, find_sink, standing_of
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import an_agent, seal, write_records
from tests.factories.api import new_tenant
from tests.factories.tenants import make_member

CALL = Call("r-1", "192.0.2.1")


class Sinks:
    """One tenant's."""

    def __init__(self) -> None:
        self.tenant: Tenant = new_tenant()
        member = make_member(self.tenant, "owner")
        self.member = member
        self.owner = Actor(
            "member", member.id, "Ines", self.tenant.id, self.tenant.slug, ("owner",)
        )
        self.seal()

    def seal(self) -> None:
        seal(Path(settings.HOME) / "seals")

    def write(self, count: int, **more: Any) -> list[UUID]:
        ids = write_records(an_agent(self.tenant.id), count, **more)
        self.seal()
        return ids

    def make(self, kind: str, where: dict[str, Any], **more: Any) -> Sink:
        named = {"name": f"{kind}-sink", "since": "now"} | more
        self.made, self.secret = services.create_sink(
            self.owner, CALL, kind=kind, settings=where, **named
        )
        return self.made

    def deliver(self, sink: Sink) -> Turn:
        """One turn, now: whatever the ladder says."""
        with tenant_scope(self.tenant.id):
            Sink.objects.filter(id=sink.id).update(next_at=sink.created_at)
        return take_turn(self.tenant.id, self.tenant.slug, sink.id, lambda: None)

    def standing(self, sink: Sink) -> Standing:
        with tenant_scope(self.tenant.id):
            return standing_of(find_sink(self.tenant.id, sink.id))

    def all_of(self, sink: Sink) -> int:
        """Deliver until nothing is left; how many records."""
        records = 0
        while (turn := self.deliver(sink)).records:
            records += turn.records
        return records


class Receiver:
    """An HTTP server that takes, refuses or hangs, and keeps what it took."""

    def __init__(self) -> None:
        self.status = 200
        self.hangs = 0.0
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def take(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.hangs)
                headers = {name.lower(): value for name, value in self.headers.items()}
                if receiver.status == 200:
                    receiver.got.append((self.command, self.path, headers, body))
                with suppress(OSError):
                    self.send_response(receiver.status)
                    self.end_headers()

            do_POST = do_PUT = take  # noqa: N815  # the server's names

            def log_message(self, *arguments: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for *_, body in self.got for line in body.splitlines()]

    def records(self) -> list[int]:
        return [line["index"] for line in self.lines if "index" in line]


class Collector:
    """A syslog server over TCP that takes frames by their count of octets."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self.socket.accept()
            except OSError:
                return
            with opened, opened.makefile("rb") as stream:
                while count := self._count(stream.read):
                    self.frames.append(stream.read(count))

    @staticmethod
    def _count(read: Callable[[int], bytes]) -> int:
        digits = b""
        while (sign := read(1)).isdigit():
            digits += sign
        return int(digits or 0)

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
