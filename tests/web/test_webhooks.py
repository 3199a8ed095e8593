"""Standard Webhooks: what is signed, what an answer means, how long is waited, where not to go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateward.kernel.clock import now
from stateward.kernel.errors import Malformed, Unprocessable
from stateward.web.webhooks import (
    LADDER,
    Delivery,
    check_url,
    deliver,
    new_secret,
    secret_from,
    secret_text,
    signed_headers,
    verify,
)

# The example of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1_614_265_330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Receiver:
    """Answers what it is told to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {}, b"thanks"
        self.trickle = 0.0
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append((headers, self.rfile.read(length)))
                if receiver.trickle:
                    return self.drip()
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(receiver.body)
                return None

            def drip(self) -> None:
                """A head that never ends, byte by byte."""
                with suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    for _ in range(200):
                        self.wfile.write(b"X")
                        self.wfile.flush()
                        time.sleep(receiver.trickle)

            def log_message(self, *arguments: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def send(receiver: Receiver, secret: bytes = b"k" * 32, **more: Any) -> Delivery:
    named: dict[str, Any] = {"listed": ["127.0.0.1"], "seconds": 5.0} | more
    return deliver(receiver.url, secrets=[secret], message_id="msg_1", body=BODY, at=now(), **named)


def test_the_signature_is_the_specifications() -> None:
    headers = signed_headers([secret_from(SECRET)], MESSAGE, AT, BODY)

    assert headers["webhook-signature"] == SIGNATURE
    verify(secret_from(SECRET), headers, BODY, AT)


def test_while_secrets_rotate_either_one_verifies() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], MESSAGE, AT, BODY)

    verify(old, headers, BODY, AT)
    verify(new, headers, BODY, AT)
    with pytest.raises(Malformed):
        verify(new_secret(), headers, BODY, AT)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_timestamp_six_minutes_off_is_refused(minutes: int) -> None:
    """F37."""
    headers = signed_headers([b"k" * 32], MESSAGE, AT, BODY)

    with pytest.raises(Malformed):
        verify(b"k" * 32, headers, BODY, AT + timedelta(minutes=minutes))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_another_body_never_verifies(body: bytes, other: bytes) -> None:
    headers = signed_headers([b"k" * 32], MESSAGE, AT, body)

    if body == other:
        verify(b"k" * 32, headers, other, AT)
    else:
        with pytest.raises(Malformed):
            verify(b"k" * 32, headers, other, AT)


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_read_as_it_was_written(secret: bytes) -> None:
    assert secret_from(secret_text(secret)) == secret


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_???", "A" * 200])
def test_a_poor_secret_is_refused(text: str) -> None:
    with pytest.raises(Unprocessable):
        secret_from(text)


def test_what_is_sent_can_be_verified_by_who_gets_it(receiver: Receiver) -> None:
    said = send(receiver)

    (headers, body), *others = receiver.got
    assert (said.outcome, said.status, said.answer, others) == ("taken", 200, "thanks", [])
    assert headers["webhook-id"] == "msg_1"
    verify(b"k" * 32, headers, body, now())


@pytest.mark.parametrize(
    ("status", "outcome", "first"),
    [
        (204, "taken", LADDER[0]), (410, "gone", None), (500, "failed", LADDER[0]),
        (429, "failed", 2 * LADDER[0]), (503, "failed", LADDER[0]), (404, "failed", LADDER[0]),
    ],
)  # fmt: skip
def test_what_an_answer_means(
    receiver: Receiver, status: int, outcome: str, first: timedelta | None
) -> None:
    """F31."""
    receiver.status = status

    said = send(receiver)

    assert said.outcome == outcome
    assert said.wait(1) == first


def test_a_receiver_that_says_when_to_come_again_is_heard(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "120"}
    assert send(receiver).wait(1) == timedelta(seconds=120)

    receiver.headers = {"Retry-After": "999999999"}
    assert send(receiver).wait(1) == timedelta(hours=24)


def test_the_ladder_lasts_three_days_and_ends() -> None:
    failed = Delivery("failed", "", 500)
    waits = [failed.wait(attempt) for attempt in range(1, len(LADDER) + 1)]

    assert all(waits)
    total = sum((one for one in waits if one), timedelta(0))
    assert timedelta(hours=72) < total < timedelta(hours=80)
    assert failed.wait(len(LADDER) + 1) is None


def test_a_redirect_to_where_clouds_keep_credentials_is_a_failure(receiver: Receiver) -> None:
    receiver.status = 302
    receiver.headers = {"Location": "http://169.254.169.254/latest/meta-data/"}

    said = send(receiver)

    assert (said.outcome, said.status) == ("failed", 302)
    assert len(receiver.got) == 1


def test_a_head_that_comes_byte_by_byte_is_left(receiver: Receiver) -> None:
    """F30: every read is in time, the whole is not."""
    receiver.trickle = 0.1
    began = time.monotonic()

    said = send(receiver, seconds=0.5)

    assert said.outcome == "failed"
    assert "in time" in said.said
    assert time.monotonic() - began < 15  # 200 bytes would take 20


def test_an_address_inside_is_not_called_unless_listed(receiver: Receiver) -> None:
    """F84."""
    said = send(receiver, listed=[])

    assert said.outcome == "refused"
    assert receiver.got == []


def test_no_more_of_an_answer_is_kept_than_is_shown(receiver: Receiver) -> None:
    receiver.body = b"\x1b[31m" + b"x" * 40_000

    said = send(receiver)

    assert said.is_taken
    assert len(said.answer) <= 1024
    assert "\x1b" not in said.answer


def test_nobody_there_is_said_without_the_address() -> None:
    said = deliver(
        "http://127.0.0.1:9/token-4711", secrets=[b"k" * 32], message_id="m", body=b"{}",
        at=now(), listed=["127.0.0.1"],
    )  # fmt: skip

    assert said.outcome == "failed"
    assert "4711" not in said.said


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "https://", "https://u:p@example.org/",
        "https://example.org/#x", "https://example.org:0/", "https://exa mple.org/",
        "https://example.org/" + "x" * 2_000, "javascript:alert(1)", "https://[::1",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Unprocessable):
        check_url(url)


def test_plain_http_is_for_hosts_the_operator_listed(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["siem.internal"]

    assert check_url("http://siem.internal:8088/x")
    assert check_url("https://example.org/x?y=1")
