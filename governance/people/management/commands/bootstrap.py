"""``manage.py bootstrap --tenant SLUG --email ADDRESS``: a first tenant, and a one-time link
for its first owner.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.people.acts import system_actor, system_call
from governance.people.queries import active_owners
from governance.people.rules import OWNER
from governance.people.services.invitations import invite
from governance.people.services.tenants import create_tenant
from stateward.kernel.errors import StatewardError
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope

NAME = "bootstrap"


class Command(BaseCommand):
    help = "Make a first tenant and print a one-time link with which its first owner joins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--email", required=True, metavar="ADDRESS")
        parser.add_argument("--name", default="", help="the tenant's name; its slug if not given")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            url = bootstrap(options["tenant"], options["email"], options["name"])
        except StatewardError as error:
            raise CommandError(error.detail) from None
        if not settings.PUBLIC_URL:
            self.stderr.write("STATEWARD_PUBLIC_URL is not set: put your address before the link.")
        self.stdout.write(url)


def bootstrap(slug: str, email: str, name: str = "") -> str:
    """The link's address. May be run again until an owner has joined; the newest link counts."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        maker = system_actor(None, NAME)
        tenant = create_tenant(actor=maker, call=system_call(), slug=slug, name=name)
    with tenant_scope(tenant.id):
        if active_owners(tenant.id):
            raise StatewardError(f"{slug} has an owner already, who can invite others.")
        actor = system_actor(tenant, NAME)
        invited = invite(actor=actor, call=system_call(), email=email, roles=[OWNER])
    return invited.link.url
