"""``manage.py person``: what an installation without mail, or in need, must be able to do for a
person's account.
"""

from __future__ import annotations

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from governance.people.acts import note, system_actor, system_call
from governance.people.services.members import disable_person, enable_person
from stateward.gate.policy.requests import Resource
from stateward.tenancy.models import PLATFORM, Person
from stateward.tenancy.scope import tenant_scope


class Command(BaseCommand):
    help = "Print a password link for a person, or disable or enable their account everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["password-link", "disable", "enable"])
        parser.add_argument("--email", required=True, metavar="ADDRESS")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Person.objects.filter(email=options["email"].lower()).first()
        if person is None:
            raise CommandError("There is no account of this address.")
        act: str = options["act"]
        with tenant_scope(PLATFORM):
            if act == "disable":
                disable_person(person)
            elif act == "enable":
                enable_person(person)
            actor, personal = system_actor(None, "person"), {"email": person.email}
            about = Resource("member", str(person.id))
            note(
                actor,
                system_call(),
                "member.manage",
                f"person.{act}",
                about=about,
                personal=personal,
            )
        done = password_link(person) if act == "password-link" else f"{person.email}: {act}d."
        self.stdout.write(done)


def password_link(person: Person) -> str:
    """Where the person sets a new password; works once, and as long as a mailed one."""
    key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "U", "key": "K"})
    return settings.PUBLIC_URL.rstrip("/") + path.replace("U-K", key)
