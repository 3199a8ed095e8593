"""Dangerous mixes of settings are refused, each under an id that stays."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured

from stateward.operations import checks

SAFE: dict[str, Any] = {
    "PRODUCTION": True,
    "DEBUG": False,
    "SECRET_KEY": "k8Jd0sVfq3mZxW1yRtUeOpLaNbGhCi5927640-_AbCdE",
    "ROOT_KEY": bytes(range(0, 256, 8)),
    "ROOT_KEY_FILE": "",
    "ALLOWED_HOSTS": ["state.example.org"],
    "TLS": True,
    "TRUSTED_PROXIES": ["10.0.0.2"],
    "PRIVATE_HOSTS": [],
    "SEQUENCER_DATABASE_URL": "postgresql://stateward_sequencer:pw@db/stateward",
    "REDIS_URL": "redis://:4f9a2c77@127.0.0.1/0",
    "DATA_PLANE_STANDBY_URL": "postgresql://stateward_app:9b1d6e@10.0.0.7/x?sslmode=verify-full",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Settings of a safe installation; only the checks see them."""
    database = {"HOST": "127.0.0.1", "PASSWORD": "9b1d6e", "USER": "stateward_app", "OPTIONS": {}}
    databases = {"default": database, "owner": database | {"USER": "stateward_owner"}}
    safe = SimpleNamespace(**copy.deepcopy(SAFE), DATABASES=databases)
    monkeypatch.setattr(checks, "settings", safe)
    return safe


def found() -> set[str | None]:
    return {message.id for message in checks.production_settings()}


def test_a_safe_installation_passes(production: SimpleNamespace) -> None:
    assert found() == set()
    checks.refuse_dangerous_mixes()


def test_development_is_left_alone(production: SimpleNamespace) -> None:
    production.PRODUCTION = False
    production.DEBUG = True
    assert found() == set()


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("DEBUG", True, "stateward.E001"),
        ("SECRET_KEY", "short", "stateward.E002"),
        ("SECRET_KEY", "django-insecure-k8Jd0sVfq3mZxW1yRtUeOpLaNbGhCi592764", "stateward.E002"),
        ("ROOT_KEY", bytes(32), "stateward.E003"),
        ("ROOT_KEY", bytes(range(32)), "stateward.E003"),
        ("ALLOWED_HOSTS", [], "stateward.E006"),
        ("ALLOWED_HOSTS", ["*"], "stateward.E006"),
        ("TLS", False, "stateward.E007"),
        ("TRUSTED_PROXIES", [], "stateward.W001"),
        ("TRUSTED_PROXIES", ["0.0.0.0/0"], "stateward.E008"),
        ("SEQUENCER_DATABASE_URL", "postgresql://stateward_app:x@db/x", "stateward.E015"),
        ("REDIS_URL", "redis://127.0.0.1/0", "stateward.E016"),
        ("DATA_PLANE_STANDBY_URL", "postgresql://postgres:x@127.0.0.1/x", "stateward.E017"),
        ("DATA_PLANE_STANDBY_URL", "postgresql://stateward_app:x@10.0.0.7/x", "stateward.E018"),
        ("REDIS_URL", "redis://:changeme@127.0.0.1/0", "stateward.E016"),
    ],
)
def test_each_danger_has_its_id(
    production: SimpleNamespace, name: str, value: Any, number: str
) -> None:
    setattr(production, name, value)
    assert found() == {number}


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"USER": "postgres"}, "stateward.E009"),
        ({"USER": "stateward_owner"}, "stateward.E009"),
        ({"PASSWORD": ""}, "stateward.E013"),
        ({"PASSWORD": "postgres"}, "stateward.E013"),
        ({"HOST": "db.example.org"}, "stateward.E014"),
        ({"HOST": "10.1.2.3"}, "stateward.E014"),
    ],
)
def test_each_dangerous_database_has_its_id(
    production: SimpleNamespace, change: dict[str, str], number: str
) -> None:
    production.DATABASES["default"].update(change)
    assert found() == {number}


def test_a_private_network_may_do_without_tls(production: SimpleNamespace) -> None:
    production.DATABASES["default"]["HOST"] = "postgres"
    production.PRIVATE_HOSTS = ["postgres"]
    assert found() == set()


def test_the_embedded_root_key_is_refused(production: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "stack.json").touch()
    production.ROOT_KEY_FILE = str(tmp_path / "root.key")
    assert found() == {"stateward.E004"}


def test_a_root_key_that_everybody_can_read_is_refused(
    production: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "root.key"
    path.touch(mode=0o644)
    path.chmod(0o644)
    production.ROOT_KEY_FILE = str(path)
    assert found() == {"stateward.E005"}


def test_a_server_process_does_not_start_with_one(production: SimpleNamespace) -> None:
    production.DEBUG = True
    with pytest.raises(ImproperlyConfigured, match=r"stateward\.E001"):
        checks.refuse_dangerous_mixes()


def test_a_check_can_be_silenced_by_name(production: SimpleNamespace, settings: Any) -> None:
    production.TLS = False
    settings.SILENCED_SYSTEM_CHECKS = ["stateward.E007"]
    checks.refuse_dangerous_mixes()


def test_the_applications_own_role_is_harmless(production: SimpleNamespace, database: None) -> None:
    assert checks.database_roles(databases=["default"]) == []


def test_a_superuser_is_refused(
    production: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
    with psycopg.connect(address, autocommit=True) as connection:
        monkeypatch.setattr(checks, "connections", {"default": connection})
        ids = {message.id for message in checks.database_roles(databases=["default"])}
    assert {"stateward.E010", "stateward.E011"} <= ids
