"""``manage.py sealer``: numbers what is committed and seals the audit until it is told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from stateward.gate.audit.exceptions import SealingKeyUnusable
from stateward.gate.audit.sealer import SealerProcess
from stateward.gate.sequence.numbering import Numberer

# Sealing computes; whoever follows the feed does not wait for more than a moment of that.
SWITCH_SECONDS = 0.0005


class Command(BaseCommand):
    help = "Number what is committed, seal the audit. Runs until SIGTERM or SIGINT; one at a time."

    def handle(self, **options: Any) -> None:  # Django's signature
        if not settings.SEQUENCER_DATABASE_URL:
            raise CommandError("Set STATEWARD_SEQUENCER_DATABASE_URL, the sequencer's database.")
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        sys.setswitchinterval(SWITCH_SECONDS)
        numberer = Numberer(settings.SEQUENCER_DATABASE_URL, settings.BELL_FOLDER, stop)
        numbering = threading.Thread(target=numberer.run, name="numberer", daemon=True)
        numbering.start()
        try:
            SealerProcess(settings.SEQUENCER_DATABASE_URL, settings.HOME, stop).run()
        except SealingKeyUnusable as problem:
            raise CommandError(problem.detail) from None
        finally:
            stop.set()
            numbering.join(5)
