"""What a browser meets on the way in: C37."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally, insufficient

PATH = "/account/login/"
SECONDS = 5.0
LEAST_HSTS_SECONDS = 15_552_000  # half a year, below which scanners complain


@check(
    "C37",
    "Pages are sent over TLS, with strict headers and cookies",
    area="Transport",
    severity="high",
    is_apart=True,
    proves="The sign-in page, asked at this installation's own address, came over TLS with HSTS, a"
    " content policy without unsafe parts, and cookies that scripts and other sites"
    " cannot use.",
    does_not_prove="Anything about ciphers, or about an address other than the configured one. On"
    " an address of this very machine no network is crossed, and TLS is not asked for.",
)
def transport(ground: Ground) -> Answer:
    base = settings.PUBLIC_URL.rstrip("/")
    if not base:
        return insufficient("No public address is configured (STATEWARD_PUBLIC_URL).")
    try:
        answer = httpx.get(base + PATH, timeout=SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return insufficient(f"The sign-in page at {base} did not answer: {type(error).__name__}.")
    cookies = answer.headers.get_list("set-cookie")
    return judge(base, answer.headers, cookies)


def judge(base: str, headers: Mapping[str, str], cookies: list[str]) -> Answer:
    """What is wrong with an answer from ``base``."""
    tally = Tally("property of the sign-in page,properties of the sign-in page")
    is_local = _is_local(urlsplit(base).hostname or "")
    over_tls = base.startswith("https://")
    if over_tls or not is_local:
        tally.add(None if over_tls else _item("tls", "TLS", f"{base} is not an https address."))
        long_enough = _hsts(headers.get("strict-transport-security", "")) >= LEAST_HSTS_SECONDS
        bad = _item(
            "hsts", "Strict-Transport-Security", "It is missing, or for less than 180 days."
        )
        tally.add(None if long_enough else bad)
    policy = headers.get("content-security-policy", "")
    is_strict = "default-src 'none'" in policy and "unsafe-" not in policy
    said = "It is missing or allows unsafe parts."
    tally.add(None if is_strict else _item("csp", "Content-Security-Policy", said))
    for name, wanted in (("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")):
        said = f"It is {headers.get(name, 'missing')}, not {wanted}."
        tally.add(None if headers.get(name) == wanted else _item(name, name, said))
    for cookie in cookies:
        faults = _cookie_faults(cookie, needs_secure=over_tls or not is_local)
        name = cookie.partition("=")[0]
        tally.add(_item(f"cookie {name}", f"Cookie {name}", faults) if faults else None)
    return tally.answer("are as they should be", "are not as they should be", nothing="Nothing.")


def _cookie_faults(cookie: str, *, needs_secure: bool) -> str:
    name, *parts = [part.strip().lower() for part in cookie.split(";")]
    missing = []
    if needs_secure and "secure" not in parts:
        missing.append("Secure")
    if not any(part in {"samesite=lax", "samesite=strict"} for part in parts):
        missing.append("SameSite")
    if "session" in name.partition("=")[0] and "httponly" not in parts:
        missing.append("HttpOnly")
    return f"It lacks {', '.join(missing)}." if missing else ""


def _hsts(text: str) -> int:
    for part in text.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "max-age" and value.strip('"').isdigit():
            return int(value.strip('"'))
    return 0


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _item(name: str, label: str, detail: str) -> Item:
    return Item("setting", name, label, detail)
