"""Start-up checks: a root key that cannot be used is found before the first request needs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import Error as DatabaseError
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from stateward.gate.keys.exceptions import KeysUnavailable, RootKeyRefused
from stateward.gate.keys.root import check_root_key, root_key
from stateward.tenancy.scope import run_flow


@register(Tags.security)
def root_key_is_usable(app_configs: Any, **options: Any) -> list[CheckMessage]:
    try:
        root_key()
    except KeysUnavailable as error:
        return [Error(f"{error.reason.capitalize()}.", hint="Set ROOT_KEY.", id="keys.E001")]
    return []


@register(Tags.database)
def root_key_is_ours(
    app_configs: Any, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """Runs where that database is named: ``check --database default``."""
    if "default" not in (databases or ()) or root_key_is_usable(app_configs):
        return []
    return root_key_problems()


def root_key_problems() -> list[CheckMessage]:
    """Why this process must not start with the root key it was given; empty when it may."""
    try:
        run_flow(check_root_key())
    except RootKeyRefused as error:
        wanted = " or ".join(error.wanted)
        return [
            Error(
                f"The root key {error.given} is not the one that the stored values are under.",
                hint=f"Give the root key with the fingerprint {wanted}. Nothing was changed.",
                id="keys.E002",
            )
        ]
    except KeysUnavailable as error:
        return [Error(f"{error.reason.capitalize()}.", hint="See docs/keys.md.", id="keys.E003")]
    except DatabaseError:
        return []  # not migrated, or not there: others say so better
    return []


def refuse_wrong_root_key() -> None:
    """For the start of a process: end it when it was given the wrong root key.

    Asked in a thread, since the process may run an event loop already; and with nothing left open,
    since it may fork.
    """
    with ThreadPoolExecutor(1) as pool:
        problems = pool.submit(_problems_with_nothing_left_open).result()
    if problems:
        sys.exit("\n".join(f"{problem.msg} {problem.hint}" for problem in problems))


def _problems_with_nothing_left_open() -> list[CheckMessage]:
    try:
        return root_key_is_usable(None) or root_key_problems()
    finally:
        database = cast(DatabaseWrapper, connections["default"])
        database.close()
        database.close_pool()
