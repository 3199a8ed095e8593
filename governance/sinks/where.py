"""What each kind of sink must be told, and what of it holds. Only forms are judged here: where a
name leads is looked at when something is sent.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from stateward.kernel.errors import unfit
from stateward.web.webhooks import check_url

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:.]{2,45}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]{0,200}")
TRANSPORTS = ("tls", "tcp", "udp")
MIB = 1024 * 1024
MOST_CA = 16_384  # characters of a certificate to trust

# Bytes of one line.
LINE_LIMITS = {"tls": 8_192, "tcp": 8_192, "udp": 1_400}
LINE_LIMIT = 64 * 1024

Check = Callable[[Mapping[str, Any]], dict[str, Any]]


def check_where(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are kept; 422 with a pointer to what is wrong."""
    check, members = _KINDS[kind]
    unknown = sorted(set(given) - members)
    if unknown:
        raise unfit(f"settings/{unknown[0]}", f"not a setting of a sink of the kind {kind}")
    return check(given)


def line_limit(kind: str, settings: Mapping[str, Any]) -> int:
    return LINE_LIMITS[settings["transport"]] if kind == "syslog" else LINE_LIMIT


def _file(given: Mapping[str, Any]) -> dict[str, Any]:
    rotate = _number(given, "rotate_bytes", 64 * MIB, 64 * 1024, 1024 * MIB)
    return {"file": _text(given, "file", NAME, "a name such as audit"), "rotate_bytes": rotate}


def _syslog(given: Mapping[str, Any]) -> dict[str, Any]:
    transport = given.get("transport", "tls")
    if transport not in TRANSPORTS:
        raise unfit("settings/transport", "tls, tcp or udp")
    kept = {
        "host": _text(given, "host", HOST, "the name or address of a host"),
        "port": _number(given, "port", 6514 if transport == "tls" else 514, 1, 65_535),
        "transport": transport,
    }
    if given.get("ca"):
        kept["ca"] = _certificate(given["ca"])
    return kept


def _webhook(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": check_url(str(given.get("url", "")), "settings/url")}


def _bucket(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "endpoint": check_url(str(given.get("endpoint", "")), "settings/endpoint"),
        "region": _text(given, "region", re.compile(r"[a-z0-9-]{1,40}"), "such as eu-central-1"),
        "bucket": _text(given, "bucket", BUCKET, "the name of a bucket"),
        "prefix": _text({"prefix": "", **given}, "prefix", PREFIX, "a path within the bucket"),
        "access_key": _text(given, "access_key", re.compile(r"[\x21-\x7e]{1,128}"), "a key's id"),
    }


def _text(given: Mapping[str, Any], name: str, form: re.Pattern[str], says: str) -> str:
    text = given.get(name)
    if not isinstance(text, str) or not form.fullmatch(text):
        raise unfit(f"settings/{name}", says)
    return text


def _number(given: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    number = given.get(name, usual)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise unfit(f"settings/{name}", f"a whole number from {least:,} to {most:,}")
    return number


def _certificate(text: Any) -> str:

    if not isinstance(text, str) or len(text) > MOST_CA:
        raise unfit("settings/ca", f"certificates as PEM, at most {MOST_CA:,} characters")
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise unfit("settings/ca", "no certificate can be read from this") from None
    return text


_KINDS: dict[str, tuple[Check, frozenset[str]]] = {
    "file": (_file, frozenset({"file", "rotate_bytes"})),
    "syslog": (_syslog, frozenset({"host", "port", "transport", "ca"})),
    "webhook": (_webhook, frozenset({"url"})),
    "s3": (_bucket, frozenset({"endpoint", "region", "bucket", "prefix", "access_key"})),
}
