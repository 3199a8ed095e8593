"""The jobs of this app."""

from __future__ import annotations

from governance.classification.scanning import scan
from stateward.operations.jobs.registry import job

job("classification.scan", title="Look for personal data and secrets")(scan)
