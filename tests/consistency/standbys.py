"""A real streaming standby of the test run's PostgreSQL, and a data plane that may read it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from stateward.operations.embedded.ports import any_free
from stateward.operations.embedded.postgres import Cluster, wheel_binaries
from stateward.operations.embedded.replica import forget_standby, make_standby
from tests.servers import PASSWORD, temporary_folder

SETTINGS = {"fsync": "off", "max_connections": "300", "shared_buffers": "32MB"}


def primary() -> Cluster:
    """The run's own server; where its data lies does not matter here."""
    return Cluster(Path("/"), int(os.environ["STATEWARD_TEST_PGPORT"]), wheel_binaries())


@dataclass
class RunningStandby:
    """Started with a copy of the primary; each has a slot of its own there."""

    cluster: Cluster
    slot: str

    @classmethod
    def start(cls) -> RunningStandby:
        slot = f"test_{uuid4().hex[:12]}"
        data = temporary_folder("stateward-standby-") / "postgres"
        standby = cls(Cluster(data, any_free(), wheel_binaries()), slot)
        standby.copy()
        standby.begin()
        return standby

    def copy(self) -> bool:
        """Whether it had to be copied."""
        return make_standby(
            primary(),
            self.cluster,
            superuser_password=PASSWORD,
            password=PASSWORD,
            slot=self.slot,
        )

    def begin(self) -> None:
        self.cluster.start(**SETTINGS)

    @property
    def url(self) -> str:
        """The worker's database there, as the application's role."""
        name = os.environ["STATEWARD_DATABASE_URL"].rpartition("/")[2]
        return f"postgresql://stateward_app:{PASSWORD}@127.0.0.1:{self.cluster.port}/{name}"

    def ask(self, sql: str) -> str:
        return self.cluster.psql(sql, PASSWORD).strip()

    def pause(self) -> None:
        self.ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Until it has all that the primary had when this was called."""
        place = primary().psql("SELECT pg_current_wal_flush_lsn()", PASSWORD).strip()
        done = f"SELECT pg_last_wal_replay_lsn() >= '{place}'::pg_lsn"
        while self.ask(done) != "t":
            pass

    def promote(self) -> None:
        self.ask("SELECT pg_promote(true, 30)")

    @property
    def pid(self) -> int:
        return int((self.cluster.data / "postmaster.pid").read_text().split("\n")[0])

    def freeze(self) -> None:
        """Every process of it stands still; its port stays open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            os.kill(pid, number)

    def kill(self) -> None:
        self.cluster.stop("immediate")

    def end(self) -> None:
        if (self.cluster.data / "postmaster.pid").exists():
            self.cluster.stop("immediate")
        with psycopg.connect(os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
                " WHERE slot_name = %s AND active",
                (self.slot,),
            )
        forget_standby(primary(), PASSWORD, slot=self.slot)
