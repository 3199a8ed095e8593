"""The grace that rules which delete wait out: seven days or more where it matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

LEAST_HOURS = 7 * 24


@register("stateward")
def grace(app_configs: Iterable[AppConfig] | None = None, **options: Any) -> list[CheckMessage]:
    """In production nobody has less than a week to notice a rule that deletes too much."""
    if not settings.PRODUCTION or settings.RETENTION_GRACE_HOURS >= LEAST_HOURS:
        return []
    return [
        Error(
            "Retention rules that delete would come into force before a week is over.",
            hint="Unset STATEWARD_RETENTION_GRACE_HOURS, or make it 168 or more.",
            id="stateward.E020",
        )
    ]
