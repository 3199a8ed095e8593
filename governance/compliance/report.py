"""A scan as a report: what it says is fixed when the scan ends, and so is its hash.

The hash stands in the audit record of the scan, which is sealed. So whoever has a report, and the
record, can tell whether the one is what the other is about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.compliance.models import SEVERITIES, CheckResult, Scan
from governance.compliance.registry import Check, find_check

WORDS = {
    "pass": "Passed",
    "fail": "Failed",
    "not_applicable": "Not applicable",
    "insufficient_evidence": "Insufficient evidence",
    "error": "Error",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One check of the report. ``check`` is None where this version no longer has it."""

    result: CheckResult
    check: Check | None

    @property
    def title(self) -> str:
        return self.check.title if self.check else f"{self.result.check_id} (no longer a check)"

    @property
    def word(self) -> str:
        return WORDS[self.result.outcome]


@dataclass(frozen=True, slots=True)
class Report:
    """What a finished scan found, by check."""

    tenant_name: str
    tenant_slug: str
    scan: Scan
    lines: tuple[Line, ...]
    sha256: str

    @property
    def said(self) -> str:
        """The first sentence: how things stand."""
        failed = self.scan.failed
        noun = "check" if len(self.lines) == 1 else "checks"
        said = f"{self.scan.passed} of {len(self.lines)} {noun} passed, {failed} failed"
        if self.scan.insufficient or self.scan.errors:
            said += f"; {self.scan.insufficient + self.scan.errors} could not be answered"
        return said + "."

    @property
    def findings(self) -> list[tuple[Line, dict[str, Any]]]:
        """Every failing item with the check it fails, the gravest first."""
        found = [(line, item) for line in self.lines for item in line.result.items]
        return sorted(found, key=lambda one: SEVERITIES.index(one[0].result.severity))


def results_sha256(scan: Scan, results: Sequence[CheckResult]) -> str:
    """Of everything a report says, as canonical JSON."""
    content = {
        "scan": str(scan.id),
        "tenant": str(scan.tenant_id),
        "rules": scan.rules_sha256,
        "results": [
            {
                "check": result.check_id,
                "version": result.check_version,
                "severity": result.severity,
                "outcome": result.outcome,
                "said": result.said,
                "population": result.population,
                "failing": result.failing,
                "accepted": result.accepted,
                "items": result.items,
                "evidence": result.evidence,
            }
            for result in sorted(results, key=lambda result: result.check_id)
        ],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def report_of(scan: Scan, tenant_name: str, tenant_slug: str) -> Report:
    """The report of a finished scan. In the tenant's scope."""
    results = list(scan.results.order_by("check_id"))
    lines = tuple(Line(result, find_check(result.check_id)) for result in results)
    return Report(tenant_name, tenant_slug, scan, lines, results_sha256(scan, results))
