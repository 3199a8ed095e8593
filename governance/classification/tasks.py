"""The jobs of this app."""

from __future__ import annotations

from governance.classification.following import follow
from governance.classification.scanning import scan
from stateward.operations.jobs.registry import job

job("classification.scan", title="Look for personal data and secrets")(scan)
job("classification.follow", title="Look at what was written", per_tenant=True)(follow)
