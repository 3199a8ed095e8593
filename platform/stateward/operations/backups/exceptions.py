"""What can go wrong with a backup, in sentences for whoever restores it."""

from __future__ import annotations

from stateward.kernel.errors import Conflict, StatewardError, Unavailable, Unprocessable


class ArchiveRefused(Unprocessable):
    """The archive is not what was written. Nothing was restored from it."""

    code, title = "archive_refused", "Archive refused"

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"{part}: {why}. Nothing was written.", part=part)
        self.part = part


class NotEmpty(Conflict):
    """The tenant is not empty. A backup is restored into a new tenant or over an empty one."""

    code, title = "tenant_not_empty", "Tenant not empty"


class BadTarget(Unprocessable):
    """That is not a slug a tenant can have."""

    code, title = "bad_target", "Bad target"


class SlugIsTaken(Conflict):
    """There is a tenant of this slug already."""

    code, title = "slug_taken", "Slug taken"


class AskAgain(Conflict):
    """A restore is not tried again as a job: ask for it again, and confirm it."""

    code, title = "ask_again", "Ask again"


class NothingToRestore(Conflict):
    """There is no finished backup of this tenant."""

    code, title = "no_backup", "No backup"


class StoreUnavailable(Unavailable):
    """The place where backups are kept cannot be reached or written."""

    code, title = "backup_store_unavailable", "Backup store unavailable"


class DrillImpossible(StatewardError):
    """A drill needs the right to make a scratch database."""

    code, status, title = "drill_impossible", 503, "Drill impossible"
