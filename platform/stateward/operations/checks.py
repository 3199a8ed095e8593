"""System checks that refuse dangerous mixes of settings. Their ids are stable: ``stateward.E…``.

They speak in production alone; a development stack may be as lax as it likes. Somebody who knows
better silences one by name in ``STATEWARD_SILENCED_CHECKS``, which the log of a deployment shows.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

TAG = "stateward"
SECRET_LENGTH = 40
WELL_KNOWN = {"", "postgres", "password", "secret", "changeme", "change-me", "stateward", "test"}
TLS_MODES = {"require", "verify-ca", "verify-full"}

Check = Callable[[], Iterable[CheckMessage]]


@register(TAG)
def production_settings(
    app_configs: Iterable[AppConfig] | None = None, **options: Any
) -> list[CheckMessage]:
    """Every check of the settings; silent outside production."""
    if not settings.PRODUCTION:
        return []
    checks: tuple[Check, ...] = (
        _debugging, _signing_key, _root_key, _hosts, _transport, _databases, _standby, _sequencer,
        _redis,
    )  # fmt: skip
    return [message for check in checks for message in check()]


@register(TAG, Tags.database)
def database_roles(
    app_configs: Iterable[AppConfig] | None = None,
    databases: Iterable[str] | None = None,
    **options: Any,
) -> list[CheckMessage]:
    """What the application's role may do, asked of the database itself."""
    if not settings.PRODUCTION or "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_tables WHERE"
            " tableowner = current_user AND schemaname = 'public')"
            " FROM pg_roles WHERE rolname = current_user"
        )
        superuser, bypasses, owns = cursor.fetchone()
    found = (
        (superuser, "is a superuser", "E010"),
        (bypasses, "bypasses row-level security", "E011"),
        (owns, "owns tables, and an owner is not held by its grants", "E012"),
    )
    return [
        _error(number, f"The application's database role {what}.", "Connect as stateward_app.")
        for is_so, what, number in found
        if is_so
    ]


def refuse_dangerous_mixes() -> None:
    """Stop a server process before it opens a port. Raises ``ImproperlyConfigured``."""
    serious = [
        message
        for message in run_checks(tags=[TAG])
        if message.is_serious() and not message.is_silenced()
    ]
    if serious:
        raise ImproperlyConfigured("\n".join(str(message) for message in serious))


def _error(number: str, problem: str, remedy: str) -> Error:
    return Error(problem, hint=remedy, id=f"stateward.{number}")


def _debugging() -> Iterable[CheckMessage]:
    if settings.DEBUG:
        yield _error("E001", "DEBUG shows settings and values to strangers.", "Unset it.")


def _signing_key() -> Iterable[CheckMessage]:
    key = str(settings.SECRET_KEY)
    weak = len(key) < SECRET_LENGTH or len(set(key)) < 10 or "insecure" in key.lower()
    if weak:
        yield _error(
            "E002",
            "SECRET_KEY is short or well known: sessions could be forged.",
            f"Put {SECRET_LENGTH} or more random characters in STATEWARD_SECRET_KEY_FILE.",
        )


def _root_key() -> Iterable[CheckMessage]:
    key = bytes(settings.ROOT_KEY)
    if len(set(key)) < 8 or key in bytes(range(256)):
        yield _error("E003", "The root key is not random.", "Make one: manage.py rootkey generate")
    path = Path(settings.ROOT_KEY_FILE) if settings.ROOT_KEY_FILE else None
    if path is None:
        return
    if (path.parent / "stack.json").exists():
        yield _error(
            "E004",
            "The root key is that of an embedded stack, beside the data it protects.",
            "Give production a key of its own, kept by your secret manager.",
        )
    if path.exists() and path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        yield _error("E005", f"Everybody can read the root key {path}.", "chmod 600 it.")


def _hosts() -> Iterable[CheckMessage]:
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield _error(
            "E006",
            "Any host name is answered to, so links can be made to point elsewhere.",
            "Name yours in STATEWARD_ALLOWED_HOSTS.",
        )


def _transport() -> Iterable[CheckMessage]:
    if not settings.TLS:
        yield _error(
            "E007",
            "Without TLS, credentials and values cross the network in the clear.",
            "Let a proxy end TLS, name it in STATEWARD_TRUSTED_PROXIES, and set STATEWARD_TLS=yes.",
        )
    elif not settings.TRUSTED_PROXIES:
        yield Warning(
            "No proxy is trusted: the audit records the proxy's address for every caller.",
            hint="Name its address in STATEWARD_TRUSTED_PROXIES.",
            id="stateward.W001",
        )
    if any(proxy in {"*", "0.0.0.0/0", "::/0"} for proxy in settings.TRUSTED_PROXIES):
        yield _error(
            "E008",
            "Everybody is a trusted proxy, so everybody may choose the audited address.",
            "Name the proxies' own addresses in STATEWARD_TRUSTED_PROXIES.",
        )


def _databases() -> Iterable[CheckMessage]:
    application, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    if application["USER"] in {"postgres", "stateward_owner"}:
        yield _error(
            "E009",
            f"The application connects as {application['USER']}, past the second wall.",
            "Connect as stateward_app, which owns nothing.",
        )
    for name, database in (("application's", application), ("owner's", owner)):
        if (database["PASSWORD"] or "").lower() in WELL_KNOWN | {database["USER"]}:
            yield _error(
                "E013",
                f"The {name} database password is missing or well known.",
                "Put a random one in the address.",
            )
            break
    if not _local(application["HOST"]) and application["OPTIONS"].get("sslmode") not in TLS_MODES:
        yield _error(
            "E014",
            "The database is on another machine and TLS to it is not required.",
            "Add ?sslmode=verify-full (or require) to STATEWARD_DATABASE_URL.",
        )


def _standby() -> Iterable[CheckMessage]:
    if not settings.DATA_PLANE_STANDBY_URL:
        return
    standby = urlsplit(settings.DATA_PLANE_STANDBY_URL)
    options = dict(parse_qsl(standby.query))
    if standby.username in {"postgres", "stateward_owner"}:
        yield _error(
            "E017",
            f"The standby is read as {standby.username}, past the second wall.",
            "Connect as stateward_app, which owns nothing.",
        )
    host = options.get("host", standby.hostname or "")
    if not _local(host) and options.get("sslmode") not in TLS_MODES:
        yield _error(
            "E018",
            "The standby is on another machine and TLS to it is not required.",
            "Add ?sslmode=verify-full (or require) to STATEWARD_STANDBY_DATABASE_URL.",
        )


def _sequencer() -> Iterable[CheckMessage]:
    user = (
        urlsplit(settings.SEQUENCER_DATABASE_URL).username
        if settings.SEQUENCER_DATABASE_URL
        else ""
    )
    if user and user in {settings.DATABASES["default"]["USER"], "postgres", "stateward_owner"}:
        yield _error(
            "E015",
            f"The sealer connects as {user}, which may change what it seals.",
            "Connect it as stateward_sequencer.",
        )


def _redis() -> Iterable[CheckMessage]:
    address = urlsplit(settings.REDIS_URL)
    if (address.password or "").lower() in WELL_KNOWN and address.scheme != "unix":
        yield _error("E016", "Redis has no password of its own.", "Put one in STATEWARD_REDIS_URL.")


def _local(host: str) -> bool:
    """Whether a database host is this machine or a name inside a private container network."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in settings.PRIVATE_HOSTS
