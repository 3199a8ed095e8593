"""Commands that a script may rely on.

The last line of standard output is one JSON object on one line; logs go to standard error. Exit
code 0: done; 2: done, with findings; 1: failed. Run from the checkout's root they find the stack
that ``make up`` started through ``STATEWARD_HOME``.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from stateward.kernel.errors import StatewardError

FOUND = 2


class JsonCommand(BaseCommand):
    """``run`` answers the object to print, and whether it holds findings. What it raises is one
    sentence on standard error and exit code 1.
    """

    @abstractmethod
    def run(self, **options: Any) -> tuple[Mapping[str, Any], bool]:
        """Do it."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer, has_findings = self.run(**options)
        except StatewardError as error:
            raise CommandError(str(error), returncode=1) from error
        self.stdout.write(orjson.dumps(answer, default=str).decode())
        if has_findings:
            sys.exit(FOUND)
