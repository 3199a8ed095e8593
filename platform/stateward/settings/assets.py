"""Settings for ``collectstatic``: no database, and no key that anything is signed with."""

from __future__ import annotations

from django.core.management.utils import get_random_secret_key

from stateward.settings.base import *  # noqa: F403  # the settings are the module's namespace

SECRET_KEY = get_random_secret_key()
REDIS_URL = "redis://127.0.0.1:1/0"  # named by what is imported, and never called
