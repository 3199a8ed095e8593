"""Backups and the drills that prove them: C45, C46, C47."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Evidence, Item, Tally, insufficient
from stateward.kernel.errors import StatewardError
from stateward.operations.backups.chunks import MAGIC
from stateward.operations.backups.manifest import KEYS
from stateward.operations.backups.models import Backup
from stateward.operations.backups.queries import last_drill, last_good_backup, last_passed_drill
from stateward.operations.backups.reading import Archive, open_archive
from stateward.operations.backups.stores import open_store
from stateward.tenancy.models import Tenant
from stateward.tenancy.scope import tenant_scope

AREA = "Backups"


@check(
    "C45",
    "The last good backup is recent",
    area=AREA,
    severity="high",
    proves="A backup of this tenant was finished and its snapshot is young enough: what would be"
    " lost is what came after.",
    does_not_prove="That it can be restored (C46), or that it is still where it was put.",
)
def backup_recent(ground: Ground) -> Answer:
    hours = ground.number("backup_age_hours")
    last = last_good_backup(ground.tenant_id)
    tally = Tally("tenant,tenants", population=1)
    if last is None or last.taken_at is None:
        if _age(ground) < timedelta(hours=hours):
            return insufficient(f"The tenant is younger than {hours} hours and has no backup yet.")
        tally.fail(_item(ground, "There is no backup of this tenant."))
        return Answer("fail", "There is no backup of this tenant.", 1, 1, tuple(tally.items))
    evidence = (Evidence("backup", str(last.id), f"archive {last.name}"),)
    said = f"The last good backup was taken {_ago(ground.now - last.taken_at)} ago"
    if ground.now - last.taken_at <= timedelta(hours=hours):
        return Answer("pass", f"{said}.", 1, evidence=evidence)
    tally.fail(_item(ground, f"{said}; at most {hours} hours are allowed."))
    return Answer("fail", f"{said}, too long.", 1, 1, tuple(tally.items), evidence)


@check(
    "C46",
    "A restore was rehearsed lately, and fast enough",
    area=AREA,
    severity="high",
    proves="The last drill restored a backup into a scratch database, compared it, and passed,"
    " within the allowed days and time.",
    does_not_prove="That people know what to do when it counts.",
)
def drill_passed(ground: Ground) -> Answer:
    days, most = ground.number("drill_age_days"), ground.number("restore_seconds")
    last, passed = last_drill(ground.tenant_id), last_passed_drill(ground.tenant_id)
    if last is None and _age(ground) < timedelta(days=days):
        return insufficient(f"The tenant is younger than {days} days and has had no drill yet.")
    faults = []
    if passed is None:
        faults.append("No drill has passed.")
    else:
        if ground.now - passed.started_at > timedelta(days=days):
            faults.append(f"The last drill that passed is of {passed.started_at:%d %b %Y}.")
        if (passed.restore_seconds or 0) > most:
            faults.append(f"It took {passed.restore_seconds:,.0f} seconds; at most {most:,}.")
    if last is not None and last.state == "failed":
        faults.append(f"The last drill failed: {last.error or 'see its checks'}")
    evidence = (Evidence("drill", str(passed.id), "the last that passed"),) if passed else ()
    if faults or passed is None:
        item = _item(ground, " ".join(faults))
        return Answer("fail", "The last drill does not prove a restore.", 1, 1, (item,), evidence)
    seconds = passed.restore_seconds or 0.0
    said = f"The drill of {passed.started_at:%d %b %Y} passed; it restored in {seconds:,.1f} s."
    return Answer("pass", said, 1, evidence=evidence)


@check(
    "C47",
    "Backups are encrypted, and the key lies elsewhere",
    area=AREA,
    severity="critical",
    is_apart=True,
    proves="Every part of the newest archive is sealed, its manifest has this installation's"
    " signature, its keys are wrapped, and the root key's file is not beside it.",
    does_not_prove="Anything about older archives, or about other copies of the root key. The parts"
    " are looked at by their beginnings; a drill reads them whole.",
)
def backup_sealed(ground: Ground) -> Answer:
    with tenant_scope(ground.tenant_id):
        last = last_good_backup(ground.tenant_id)
    if last is None:
        return insufficient("There is no backup to look at.")
    tally = Tally("property of the archive,properties of the archive")
    try:
        archive = open_archive(open_store(last.store), last.name)
        archive.check(is_thorough=False)
        tally.add(None)
        _look_at_parts(archive, tally)
    except StatewardError as refused:
        tally.add(Item("backup", f"{last.id}/archive", last.name, refused.detail))
    except OSError as fault:
        said = f"The archive's place cannot be read: {type(fault).__name__}."
        return insufficient(said)
    beside = _key_beside(last)
    tally.add(Item("backup", f"{last.id}/root-key", last.name, beside) if beside else None)
    tally.evidence.append(Evidence("backup", str(last.id), f"manifest {last.sha256[:16]}"))
    return tally.answer("are as they should be", "are not as they should be", nothing="Nothing.")


def _look_at_parts(archive: Archive, tally: Tally) -> None:
    for part in archive.manifest.parts:
        with archive.stored.part(part.name) as source:
            beginning = source.read(1 << 16)
        if part.name == KEYS:
            bad = settings.ROOT_KEY in beginning or settings.ROOT_KEY.hex().encode() in beginning
            said = "It holds the root key."
        else:
            bad = not beginning.startswith(MAGIC)
            said = "It is not sealed."
        item = Item("backup", f"{archive.manifest.archive}/{part.name}", part.name, said)
        tally.add(item if bad else None)


def _key_beside(backup: Backup) -> str:
    """What is wrong with where the root key's file is; empty where nothing is."""
    if not settings.ROOT_KEY_FILE or "://" in backup.store:
        return ""
    key, folder = Path(settings.ROOT_KEY_FILE).resolve(), Path(backup.store).resolve()
    if key.parent == folder or folder in key.parents:
        return "The root key's file lies in the folder of the backups."
    return ""


def _age(ground: Ground) -> timedelta:
    return ground.now - _created(ground)


def _created(ground: Ground) -> datetime:
    return Tenant.objects.get(id=ground.tenant_id).created_at


def _item(ground: Ground, detail: str) -> Item:
    return Item("tenant", ground.tenant_slug, "The tenant", detail)


def _ago(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.0f} days"
