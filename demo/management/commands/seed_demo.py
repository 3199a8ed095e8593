"""``manage.py seed_demo``: the first start's tenants, people and agents, and quickstart.json."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from demo.seed import seed
from stateward.operations.stack.home import Home, write_json


class Command(BaseCommand):
    help = "Make the demo's tenants, people and agents, and write their secrets to quickstart.json."

    def handle(self, *args: Any, **options: Any) -> None:
        home = Home(settings.HOME)
        quickstart, keys = seed()
        write_json(home.path / "demo-agents.json", keys)
        # Last: what it names must be there.
        write_json(home.quickstart, {"url": settings.PUBLIC_URL, **quickstart})
        self.stdout.write(f"Who may come in is written in {home.quickstart}.")
