"""Syslog as RFC 5424 has it, over TLS, TCP (octet counting, RFC 6587) or UDP.

Syslog acknowledges nothing. Over TCP and TLS the sending side is closed at the end and the other
side's end is waited for, so that a peer which has thrown the batch away is noticed where its system
says so; over UDP nothing is.
"""

from __future__ import annotations

import platform
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings

from governance.sinks.batch import Batch, Line, Sent
from stateward.kernel.clock import now, rfc3339
from stateward.web.outgoing import AddressRefused, vetted_address

FACILITY = 13  # log audit
INFORMATIONAL, WARNING = 6, 4
ENTERPRISE = "stateward@32473"  # the number that RFC 5612 keeps for documentation
SECONDS = 10.0
LINGER_SECONDS = 2.0
NOT_IN_HEADERS = re.compile(r"[^\x21-\x7e]")


def carry(where: Mapping[str, Any], secret: bytes, batch: Batch) -> Sent:
    messages = [message(batch, line) for line in batch.lines]
    if batch.checkpoint_line:
        at = batch.at or now()
        line = Line(batch.checkpoint_size, at, is_denied=False, content=batch.checkpoint_line)
        messages.append(message(batch, line, kind="checkpoint"))
    try:
        address = vetted_address(where["host"], where["port"], settings.WEBHOOK_PRIVATE_HOSTS)
        if where["transport"] == "udp":
            _datagrams(address, where["port"], messages)
        else:
            _stream(where, address, messages)
    except AddressRefused as refused:
        return Sent(False, f"Not sent: {refused}.")
    except ssl.SSLCertVerificationError:
        return Sent(False, "The other side's certificate is not one that can be trusted.")
    except TimeoutError:
        return Sent(False, "The other side did not take it in time.")
    except OSError as error:
        return Sent(False, f"The connection broke: {error.strerror or type(error).__name__}.")
    return Sent(True, f"{len(messages):,} messages sent.")


def message(batch: Batch, line: Line, kind: str = "record") -> bytes:
    """``<PRI>1 TIME HOST APP - MSGID [DATA] BOM MSG``."""
    priority = FACILITY * 8 + (WARNING if line.is_denied else INFORMATIONAL)
    host = NOT_IN_HEADERS.sub("-", platform.node())[:255] or "-"
    data = f'[{ENTERPRISE} index="{line.index}" tenant="{_value(batch.tenant)}"]'
    head = f"<{priority}>1 {rfc3339(line.at)} {host} stateward - {kind} {data} "
    return head.encode() + b"\xef\xbb\xbf" + line.content


def _value(text: str) -> str:
    """Inside a parameter's quotes."""
    return re.sub(r'(["\\\]])', r"\\\1", text)


def _datagrams(address: str, port: int, messages: list[bytes]) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.settimeout(SECONDS)
        for one in messages:
            opened.sendto(one, (address, port))


def _stream(where: Mapping[str, Any], address: str, messages: list[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    opened = socket.create_connection((address, where["port"]), timeout=SECONDS)
    if where["transport"] == "tls":
        opened = _secured(where, opened)
    with opened:
        for one in messages:
            _send(opened, f"{len(one)} ".encode() + one, deadline)
        _end(opened)


def _secured(where: Mapping[str, Any], opened: socket.socket) -> socket.socket:
    context = ssl.create_default_context(cadata=where.get("ca") or None)
    try:
        return context.wrap_socket(opened, server_hostname=where["host"])
    except BaseException:
        opened.close()
        raise


def _send(opened: socket.socket, data: bytes, deadline: float) -> None:
    """All of it by the deadline: one that takes a byte now and then is given up."""
    view = memoryview(data)
    while view:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        opened.settimeout(left)
        view = view[opened.send(view) :]


def _end(opened: socket.socket) -> None:
    """Say that this is all; a reset now means that it was not taken."""
    if isinstance(opened, ssl.SSLSocket):
        opened.settimeout(LINGER_SECONDS)
        with suppress(TimeoutError, ssl.SSLError):
            opened.unwrap()
        return
    opened.shutdown(socket.SHUT_WR)
    opened.settimeout(LINGER_SECONDS)
    with suppress(TimeoutError):
        opened.recv(1)
