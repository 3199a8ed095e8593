"""Sending a message to somebody else's address, as Standard Webhooks has it.

Three headers: ``webhook-id`` (the same at each attempt, so that a receiver knows a repeat),
``webhook-timestamp`` (of this attempt) and ``webhook-signature`` (``v1,`` and HMAC-SHA256 over
``id.timestamp.body`` in base64; one for each secret, with spaces between, while secrets rotate).
A call goes to the very address that was judged (``outgoing``), follows no redirect and is bounded
in size and time.

    said = deliver(url, secrets=[secret], message_id="msg_1", body=b"{}", at=now())
    if not said.is_taken: try again after ``said.wait(attempt)``, or never (None)

Whoever calls keeps the exact bytes until they are taken, or given up.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from stateward.kernel.errors import Malformed, unfit
from stateward.web.outgoing import AddressRefused, Bounds, VettedTransport

PREFIX = "whsec_"
SECRET_BYTES = 32
LEAST_BYTES, MOST_BYTES = 24, 64  # of a secret
TOLERANCE = timedelta(minutes=5)  # how far a receiver lets the timestamp be off
SECONDS = 15.0  # for one attempt in all
SHOWN_BYTES = 1024  # of an answer that is shown to people
MOST_URL = 2_000

# About 75 hours in all.
LADDER = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
LONGEST_WAIT = timedelta(hours=24)
SLOWED = frozenset({429, 502, 504})
SLOWER = 2  # how much longer is waited after one of these

Outcome = Literal["taken", "refused", "gone", "failed"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one attempt.

    ``taken``: answered 2xx. ``gone``: 410, the receiver wants nothing more, ever. ``refused``: the
    address may not be called at all. ``failed``: everything else. ``said`` is a sentence of ours,
    ``answer`` the beginning of theirs: for the tenant whose endpoint it is, and nobody else.
    """

    outcome: Outcome
    said: str
    status: int | None = None
    answer: str = ""
    retry_after: timedelta | None = None

    @property
    def is_taken(self) -> bool:
        return self.outcome == "taken"

    def wait(self, attempt: int) -> timedelta | None:
        """How long to wait after attempt number ``attempt`` (the first is 1); None: give up."""
        if self.outcome == "gone" or attempt > len(LADDER):
            return None
        step = LADDER[attempt - 1]
        if self.status in SLOWED:
            step *= SLOWER
        return min(max(step, self.retry_after or step), LONGEST_WAIT)


def deliver(
    url: str,
    *,
    secrets: Sequence[bytes],
    message_id: str,
    body: bytes,
    at: datetime,
    content_type: str = "application/json",
    listed: Collection[str] | None = None,
    seconds: float = SECONDS,
) -> Delivery:
    """Send ``body`` once. Never raises for what the other side does.

    ``listed``: hosts inside that may be called; by default those the operator has named.
    """
    headers = signed_headers(secrets, message_id, at, body) | {
        "Content-Type": content_type,
        "User-Agent": "stateward-webhooks/1",
    }
    inside = settings.WEBHOOK_PRIVATE_HOSTS if listed is None else listed
    transport = VettedTransport(listed=inside, bounds=Bounds(64 * 1024, seconds))
    try:
        # Only what is shown is read; what comes after is left where it is.
        with (
            httpx.Client(
                transport=transport, timeout=seconds, follow_redirects=False, trust_env=False
            ) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            return _said(answer)
    except AddressRefused as refused:
        return Delivery("refused", f"Not sent: {refused}.")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Delivery("failed", f"No answer: {_kind(error)}.")


def _said(answer: httpx.Response) -> Delivery:
    status = answer.status_code
    shown = _beginning(answer)
    if 200 <= status < 300:
        return Delivery("taken", f"Taken with {status}.", status, shown)
    if status == 410:
        said = "The receiver answered 410 Gone: it wants nothing more."
        return Delivery("gone", said, status, shown)
    if 300 <= status < 400:
        said = f"The receiver answered {status}, a redirect; none is followed."
        return Delivery("failed", said, status, shown)
    retry_after = _retry_after(answer.headers.get("Retry-After", ""))
    return Delivery("failed", f"The receiver answered {status}.", status, shown, retry_after)


def _beginning(answer: httpx.Response) -> str:
    """As much of the answer as people are shown. One that breaks off has said enough."""
    read = b""
    try:
        for piece in answer.iter_bytes(SHOWN_BYTES):
            read += piece
            if len(read) >= SHOWN_BYTES:
                break
    except httpx.HTTPError:
        pass
    text = read[:SHOWN_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _kind(error: Exception) -> str:
    """What went wrong, without addresses: errors quote them, and a URL may hold a token."""
    if isinstance(error, httpx.ConnectTimeout):
        return "the connection was not made in time"
    if isinstance(error, httpx.TimeoutException):
        return "it did not come in time"
    if isinstance(error, httpx.ConnectError):
        return "the connection was not made"
    return f"the connection broke ({type(error).__name__})"


def _retry_after(text: str) -> timedelta | None:
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        return None
    return max(moment - datetime.now(UTC), timedelta(0))


def signed_headers(
    secrets: Sequence[bytes], message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers of one attempt."""
    moment = str(int(at.timestamp()))
    signed = f"{message_id}.{moment}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(one, signed, sha256)).decode() for one in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }


def verify(secret: bytes, headers: dict[str, str], body: bytes, now: datetime) -> None:
    """What a receiver does; Malformed (400) where the message is not from who has the secret, or
    not of these minutes.
    """
    message_id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
        raise Malformed("webhook-timestamp is no number of seconds.")
    if abs(now.timestamp() - int(moment)) > TOLERANCE.total_seconds():
        raise Malformed("webhook-timestamp is more than five minutes off.")
    at = datetime.fromtimestamp(int(moment), UTC)
    wanted = signed_headers([secret], message_id, at, body)["webhook-signature"]
    # All are compared, whichever fits.
    fits = [hmac.compare_digest(wanted.encode(), one.encode()) for one in given]
    if not any(fits):
        raise Malformed("None of the signatures is of this message.")


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """As people copy it: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def secret_from(text: str, pointer: str = "secret") -> bytes:
    """The secret somebody gave; 422 where it is none of 24 to 64 bytes."""
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise unfit(pointer, f"{PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} bytes")
    return secret


def check_url(text: str, pointer: str = "url") -> str:
    """``text`` where messages may be sent there as far as its form tells; else 422.

    Where its name leads is looked at when something is sent: it may lead elsewhere by then.
    """
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise unfit(pointer, "not an address") from None
    if len(text) > MOST_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise unfit(pointer, f"an address of at most {MOST_URL:,} ASCII characters")
    if url.scheme not in {"https", "http"} or not url.hostname or port == 0:
        raise unfit(pointer, "begins with https:// and names a host")
    is_listed = url.hostname.lower() in {one.lower() for one in settings.WEBHOOK_PRIVATE_HOSTS}
    if url.scheme == "http" and not is_listed:
        raise unfit(pointer, "begins with https://; plain http is for hosts the operator listed")
    if url.username is not None or url.password is not None:
        raise unfit(pointer, "names nobody before the host; the signature tells who sends")
    if url.fragment:
        raise unfit(pointer, "has no fragment")
    return text
