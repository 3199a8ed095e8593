"""Where the server is and which key to use: arguments, then the environment, then what the
quickstart wrote.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agents_bridge._errors import NotConfigured

QUICKSTART = "quickstart.json"


@dataclass(frozen=True, slots=True)
class Profile:
    """An address and an API key. Printing it does not show the key."""

    url: str
    api_key: str = field(repr=False)
    agent: str | None = None
    source: str = "arguments"


def find_profile(
    url: str | None = None,
    api_key: str | None = None,
    *,
    agent: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Profile:
    """The profile to use. Naming an ``agent`` asks for that one of the quickstart. Raises
    NotConfigured.
    """
    environ = os.environ if environ is None else environ
    if agent is not None:
        return _of_quickstart(agent, url, environ)
    found_url = url or environ.get("STATEWARD_URL")
    found_key = api_key or environ.get("STATEWARD_API_KEY")
    if found_url and found_key:
        source = "arguments" if url and api_key else "environment"
        return Profile(checked_url(found_url), found_key, source=source)
    if found_key or not quickstart_path(environ).is_file():
        raise NotConfigured
    return _of_quickstart(None, found_url, environ)


def quickstart_path(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("STATEWARD_HOME") or ".stateward") / QUICKSTART


def checked_url(url: str) -> str:
    """``url`` without a slash at its end. NotConfigured where it is not an http address."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise NotConfigured(f"{url!r} is not an address such as https://stateward.example:8400")
    return url.rstrip("/")


def _of_quickstart(agent: str | None, url: str | None, environ: Mapping[str, str]) -> Profile:
    path = quickstart_path(environ)
    document = _read(path)
    agents = [each for each in document.get("agents") or [] if isinstance(each, dict)]
    chosen = next((each for each in agents if agent in (None, each.get("name"))), None)
    if chosen is None or not chosen.get("api_key"):
        names = ", ".join(str(each.get("name")) for each in agents) or "none"
        raise NotConfigured(f"{path} has no agent {agent!r}; it has: {names}")
    address = url or str(document.get("url") or "")
    return Profile(checked_url(address), str(chosen["api_key"]), chosen.get("name"), str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotConfigured(
            f"{path} is not there; start the product with `make up` first"
        ) from None
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise NotConfigured(f"{path} does not hold a JSON object")
    return document
