"""The jobs of backups, by name."""

from __future__ import annotations

from datetime import timedelta

from stateward.operations.backups.drill import hold_drill
from stateward.operations.backups.services import CREATE, DRILL, RESTORE
from stateward.operations.backups.working import make_backup, restore_backup
from stateward.operations.jobs.registry import job

LONGEST = timedelta(hours=6)

job(CREATE, title="Back up a tenant", per_tenant=True, longest=LONGEST)(make_backup)
job(RESTORE, title="Restore a backup", longest=LONGEST)(restore_backup)
job(DRILL, title="Try the newest backup", per_tenant=True, longest=LONGEST)(hold_drill)
