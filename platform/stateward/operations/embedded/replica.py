"""A streaming standby of an embedded cluster: a copy of its files that follows its log.

It reads through a slot of its own, so that the primary keeps what it has not had yet, up to
``max_slot_wal_keep_size``: past that the primary's disk goes first, and the standby is copied anew
at the next start.
"""

from __future__ import annotations

import shutil

from stateward.operations.embedded.accounts import give
from stateward.operations.embedded.ports import LOOPBACK
from stateward.operations.embedded.postgres import Cluster

ROLE, SLOT = "stateward_replication", "stateward_standby"
PRIMARY_SETTINGS = {"max_slot_wal_keep_size": "1GB"}
STANDBY_SETTINGS = {"shared_buffers": "64MB", "max_wal_size": "1GB", "jit": "off"}

SLOT_STATE = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{}'"
DROP_SLOT = "SELECT pg_drop_replication_slot('{}')"
MAKE_ROLE = "CREATE ROLE {role} LOGIN REPLICATION PASSWORD '{password}'"
SET_PASSWORD = "ALTER ROLE {role} PASSWORD '{password}'"  # noqa: S105  # a template


def make_standby(
    primary: Cluster,
    standby: Cluster,
    *,
    superuser_password: str,
    password: str,
    slot: str = SLOT,
) -> bool:
    """Copy the running ``primary`` to where ``standby`` lies, unless it can go on from where it
    stopped; whether it was copied. RuntimeError where that fails.
    """
    _allow(primary, superuser_password, password)
    state = primary.psql(SLOT_STATE.format(slot), superuser_password).strip()
    if standby.initialised and state not in {"", "lost"}:
        follow(primary, standby, password, slot=slot)
        return False
    forget_standby(primary, superuser_password, slot=slot)
    making = standby.data.with_name(f"{standby.data.name}.making")
    for folder in (standby.data, making):
        shutil.rmtree(folder, ignore_errors=True)
    making.mkdir(parents=True)
    making.chmod(0o700)
    give(making)
    primary.run(
        "pg_basebackup", "-D", str(making), "-R", "-X", "stream", "-c", "fast", "-C", "-S", slot,
        "-d", f"host={LOOPBACK} port={primary.port} user={ROLE} application_name={slot}",
        environment={"PGPASSWORD": password},
    )  # fmt: skip
    making.rename(standby.data)
    follow(primary, standby, password, slot=slot)
    return True


def follow(primary: Cluster, standby: Cluster, password: str, *, slot: str = SLOT) -> None:
    """Tell a standby where its primary is now: ports change between two starts."""
    address = f"host={LOOPBACK} port={primary.port} user={ROLE} password={password}"
    kept = standby.data / "postgresql.auto.conf"
    lines = [
        line
        for line in kept.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("primary_conninfo", "primary_slot_name"))
    ]
    lines += [
        f"primary_conninfo = '{address} application_name={slot}'",
        f"primary_slot_name = '{slot}'",
    ]
    kept.write_text("\n".join(lines) + "\n", encoding="utf-8")
    give(kept)


def forget_standby(primary: Cluster, superuser_password: str, *, slot: str = SLOT) -> None:
    """Keep no log for a standby that is no longer wanted."""
    if primary.psql(SLOT_STATE.format(slot), superuser_password).strip():
        primary.psql(DROP_SLOT.format(slot), superuser_password)


def _allow(primary: Cluster, superuser_password: str, password: str) -> None:
    exists = f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'"
    there = primary.psql(exists, superuser_password).strip()
    text = SET_PASSWORD if there else MAKE_ROLE
    primary.psql(text.format(role=ROLE, password=password), superuser_password)
