"""``manage.py operator --email ADDRESS``: let someone with an account create and close tenants,
or no more.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.people.acts import note, system_actor, system_call
from stateward.gate.policy.requests import Resource
from stateward.tenancy.models import PLATFORM, Person
from stateward.tenancy.scope import tenant_scope


class Command(BaseCommand):
    help = "Make a person an operator of the platform. Operators see no tenant's data."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, metavar="ADDRESS")
        parser.add_argument("--remove", action="store_true", help="take it back")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Person.objects.filter(email=options["email"].lower()).first()
        if person is None:
            raise CommandError("There is no account of this address.")
        with tenant_scope(PLATFORM):
            person.is_operator = not options["remove"]
            person.save(update_fields=["is_operator"])
            event = "operator.removed" if options["remove"] else "operator.added"
            about = Resource("member", str(person.id))
            actor, personal = system_actor(None, "operator"), {"email": person.email}
            note(actor, system_call(), "tenant.manage", event, about=about, personal=personal)
        self.stdout.write(f"{person.email}: {event.replace('.', ' ')}.")
