"""``manage.py prepare_database``: the roles and rights Stateward expects, on a server of yours.

It connects once as a superuser (``STATEWARD_SUPERUSER_DATABASE_URL``), makes the three roles with
the passwords that the other addresses name, and gives the database to its owner. What exists stays;
passwords are set anew, so that a changed address takes effect.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

from stateward.operations.embedded.postgres import DATABASE
from stateward.settings import env

# It makes a drill's scratch database and drops it, and has no right in any other.
SCRATCH = "stateward_scratch"


class Command(BaseCommand):
    help = "Make the database, its three roles and their rights. Safe to repeat."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        address = urlsplit(env.text("STATEWARD_SUPERUSER_DATABASE_URL"))
        name = settings.DATABASES["default"]["NAME"]
        maintenance = address._replace(path="/postgres").geturl()
        with psycopg.connect(maintenance, autocommit=True) as connection:
            for role, password in self._roles():
                self._keep_role(connection, role, password)
            if scratch := env.text("STATEWARD_SCRATCH_DATABASE_URL", ""):
                self._keep_role(connection, SCRATCH, unquote(urlsplit(scratch).password or ""))
                connection.execute(f"ALTER ROLE {SCRATCH} CREATEDB")
            self._keep_database(connection, name)
        with psycopg.connect(address._replace(path=f"/{name}").geturl()) as connection:
            connection.execute(DATABASE)
        self.stdout.write(f"The database {name} and its roles are ready.")

    def _roles(self) -> list[tuple[str, str]]:
        """Names and passwords, as the addresses in use spell them."""
        owner, app = settings.DATABASES["owner"], settings.DATABASES["default"]
        sequencer = urlsplit(settings.SEQUENCER_DATABASE_URL)
        found = [
            (owner["USER"], owner["PASSWORD"]),
            (app["USER"], app["PASSWORD"]),
            (unquote(sequencer.username or ""), unquote(sequencer.password or "")),
        ]
        expected = ["stateward_owner", "stateward_app", "stateward_sequencer"]
        if [role for role, _ in found] != expected:
            raise CommandError(
                "The owner's, the application's and the sequencer's addresses must name the roles "
                f"{', '.join(expected)}; they name {', '.join(role or '-' for role, _ in found)}."
            )
        return found

    def _keep_role(self, connection: psycopg.Connection, role: str, password: str) -> None:
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = sql.SQL("ALTER" if known is not None else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {} NOSUPERUSER NOBYPASSRLS NOCREATEROLE").format(
                verb, sql.Identifier(role), sql.Literal(password)
            )
        )

    def _keep_database(self, connection: psycopg.Connection, name: str) -> None:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
        verb = "CREATE DATABASE {} OWNER stateward_owner"
        if known is not None:
            verb = "ALTER DATABASE {} OWNER TO stateward_owner"
        connection.execute(sql.SQL(verb).format(sql.Identifier(name)))
