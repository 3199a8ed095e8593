"""Whom alerts are sent to in tests: a mail server and a webhook's receiver, on real sockets."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Post:
    """A mail server, as far as SMTP asks. ``answers``: what it says to DATA's end, in turn; 250
    once they are used up.
    """

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


class _Smtp(socketserver.StreamRequestHandler):
    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        post: Post = self.server.post  # type: ignore[attr-defined]
        to: list[str] = []
        self.say("220 here")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb = line.upper()
            if verb.startswith("RCPT"):
                to.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self.say("354 go on")
                self._letter(post, to)
                to = []
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 yes")

    def _letter(self, post: Post, to: list[str]) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        answer = post.answers.pop(0) if post.answers else "250 taken"
        if answer.startswith("250"):
            letter = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            post.letters.append(letter)
            post.recipients.append(to)
        self.say(answer)


@contextmanager
def post_office() -> Generator[Post, None, None]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        post = server.post = Post(server.server_address[1])  # type: ignore[attr-defined]
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield post
        server.shutdown()


@dataclass
class Receiver:
    """A webhook's other end. ``answers``: the statuses it gives, in turn; 204 afterwards."""

    url: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


class _Http(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Calls are the receiver's to tell."""


@contextmanager
def receiver() -> Generator[Receiver, None, None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Http) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_address[1]}/alerts")
        server.receiver = made  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()
