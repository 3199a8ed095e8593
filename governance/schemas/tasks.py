"""The jobs of this app."""

from __future__ import annotations

from governance.schemas.running import work
from stateward.operations.jobs.registry import job

job("schemas.run", title="Work on a namespace's schema")(work)
