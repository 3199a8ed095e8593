"""``manage.py prepare_database`` on a server that knows nothing of us."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from stateward.kernel.ids import uuid7
from stateward.operations.embedded.ports import any_free
from stateward.operations.embedded.postgres import Cluster, wheel_binaries
from stateward.operations.management.commands import prepare_database
from tests.servers import temporary_folder

SUPERUSER = "super"


@pytest.fixture(scope="module")
def cluster() -> Any:
    folder: Path = temporary_folder("stateward-bare-")
    cluster = Cluster(folder / "postgres", any_free(), wheel_binaries())
    cluster.initialise(SUPERUSER)
    cluster.start(fsync="off")
    yield cluster
    cluster.stop("immediate")


@pytest.fixture
def addresses(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings for a database of its own on the bare server."""
    name = f"fresh_{uuid7().hex}"

    def address(role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{cluster.port}/{name}"

    class Settings:
        DATABASES = {
            "default": {"NAME": name, "USER": "stateward_app", "PASSWORD": "a'p\"p"},
            "owner": {"NAME": name, "USER": "stateward_owner", "PASSWORD": "owner"},
        }
        SEQUENCER_DATABASE_URL = address("stateward_sequencer", "sequencer")

    monkeypatch.setattr(prepare_database, "settings", Settings)
    monkeypatch.setitem(
        os.environ, "STATEWARD_SUPERUSER_DATABASE_URL", address("postgres", SUPERUSER)
    )
    return {
        "app": address("stateward_app", "a'p%22p"),
        "owner": address("stateward_owner", "owner"),
        "sequencer": Settings.SEQUENCER_DATABASE_URL,
    }


def test_each_role_can_connect_and_no_more(addresses: dict[str, str]) -> None:
    call_command("prepare_database")
    for address in addresses.values():
        with psycopg.connect(address) as connection:
            row = connection.execute(
                "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row == (False, False)


def test_the_application_uses_what_the_owner_makes(addresses: dict[str, str]) -> None:
    call_command("prepare_database")
    with psycopg.connect(addresses["owner"]) as owner:
        owner.execute("CREATE TABLE made (id int)")
    with psycopg.connect(addresses["app"]) as app:
        app.execute("INSERT INTO made VALUES (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DROP TABLE made")


def test_it_can_be_repeated(addresses: dict[str, str]) -> None:
    for _ in range(2):
        call_command("prepare_database")
    psycopg.connect(addresses["app"]).close()


def test_other_role_names_are_refused(
    addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_database.settings, "SEQUENCER_DATABASE_URL", "postgresql://x@y/z")
    with pytest.raises(CommandError, match="stateward_sequencer"):
        call_command("prepare_database")
