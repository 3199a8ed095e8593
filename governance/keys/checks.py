"""How long a key that is to be destroyed can still be saved: a week or more where it matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

LEAST_DAYS = 7


@register("stateward")
def days_of_grace(
    app_configs: Iterable[AppConfig] | None = None, **options: Any
) -> list[CheckMessage]:
    """In production a mistake can be taken back for a week."""
    if not settings.PRODUCTION or settings.KEY_DESTRUCTION_HOURS >= LEAST_DAYS * 24:
        return []
    return [
        Error(
            "Keys would be destroyed before a week is over.",
            hint="Unset STATEWARD_KEY_DESTRUCTION_HOURS, or make it 168 or more.",
            id="stateward.E021",
        )
    ]
