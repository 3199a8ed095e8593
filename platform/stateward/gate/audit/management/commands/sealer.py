"""``manage.py sealer``: numbers and seals the audit until it is told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from stateward.gate.audit.exceptions import SealingKeyUnusable
from stateward.gate.audit.sealer import SealerProcess


class Command(BaseCommand):
    help = "Number and seal the audit. Runs until it gets SIGTERM or SIGINT; one at a time."

    def handle(self, **options: Any) -> None:  # Django's signature
        if not settings.SEQUENCER_DATABASE_URL:
            raise CommandError("Set STATEWARD_SEQUENCER_DATABASE_URL, the sequencer's database.")
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            SealerProcess(settings.SEQUENCER_DATABASE_URL, settings.HOME, stop).run()
        except SealingKeyUnusable as problem:
            raise CommandError(problem.detail) from None
