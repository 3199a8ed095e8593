"""``manage.py doctor``: what is wrong and what to do.

Exit code 0: nothing; 2: warnings or errors; 1: it could not be examined.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser

from stateward.operations.commands import FOUND
from stateward.operations.doctor.examine import examine
from stateward.operations.doctor.findings import Finding

MARKS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


class Command(BaseCommand):
    help = "Examine this installation and say what to do about what is wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(examine())
        worst = next(
            (level for level in ("error", "warning") if any(f.level == level for f in findings)),
            "ok",
        )
        if options["json"]:
            body = {"status": worst, "findings": [asdict(finding) for finding in findings]}
            self.stdout.write(orjson.dumps(body).decode())
        else:
            for finding in findings:
                self.stdout.write(self._line(finding))
        if worst != "ok":
            sys.exit(FOUND)

    def _line(self, finding: Finding) -> str:
        style = {"warning": self.style.WARNING, "error": self.style.ERROR}.get(finding.level, str)
        line = style(f"{MARKS[finding.level]} {finding.check:<14} {finding.says}")
        return f"{line}\n{'':23}{finding.do}" if finding.do else str(line)
