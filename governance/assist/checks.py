"""Settings of the model's help that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

TAG = "stateward"


@register(TAG)
def assist_settings(
    app_configs: Iterable[AppConfig] | None = None, **options: Any
) -> list[CheckMessage]:
    """The endpoint is an address, spoken to in private, and complete."""
    return list(_faults())


def _faults() -> Iterable[CheckMessage]:
    url, model = settings.ASSIST_URL, settings.ASSIST_MODEL
    if not url and not model:
        return
    if not url or not model:
        yield _error(
            "E040",
            "STATEWARD_ASSIST_URL and STATEWARD_ASSIST_MODEL go together.",
            "Set both, or neither.",
        )
        return
    parts = urlsplit(url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.username
        or parts.password
        or parts.query
        or parts.fragment
    ):
        yield _error(
            "E041",
            "STATEWARD_ASSIST_URL is not the base address of an API.",
            "For example https://api.openai.com/v1; the key goes into"
            " STATEWARD_ASSIST_API_KEY_FILE.",
        )
    elif parts.scheme == "http" and parts.hostname not in settings.ASSIST_PRIVATE_HOSTS:
        yield _error(
            "E042",
            "What is shown to the model would cross the network in the clear.",
            "Use https, or list the host in STATEWARD_ASSIST_PRIVATE_HOSTS.",
        )


def _error(number: str, problem: str, remedy: str) -> Error:
    return Error(problem, hint=remedy, id=f"stateward.{number}")
