"""The sealer's loop, in this process: leases lost and found, signals, settings that will not do."""

import logging
import os
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from audit_helpers import Session, an_agent, connect, wait_for, watching, write_records
from django.core.management import CommandError, call_command

from stateward.gate.audit import sealer, sealing
from stateward.gate.audit.sealer import LEASE, SealerProcess
from stateward.gate.sequence.lease import is_dead

pytestmark = pytest.mark.usefixtures("database")


@contextmanager
def running(home: Path) -> Iterator[threading.Thread]:
    stop = threading.Event()
    url = os.environ["STATEWARD_SEQUENCER_DATABASE_URL"]
    thread = threading.Thread(target=SealerProcess(url, home, stop).run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def sealed(session: Session, actor: Any) -> int:
    row = session.execute(
        "SELECT max(size) FROM stateward_audit_checkpoint WHERE tenant_id = %s", (actor.tenant_id,)
    ).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


@pytest.fixture
def home(seals: Path) -> Path:
    return seals.parent


def test_it_goes_on_after_its_database_and_its_lease_were_lost(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    actor = an_agent()
    caplog.set_level(logging.INFO, "stateward.audit")
    with connect(autocommit=True) as session, running(home):
        write_records(actor, 3)
        wait_for(lambda: sealed(session, actor) == 3)
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'stateward_sequencer' AND datname = current_database()"
        )
        write_records(actor, 3)
        wait_for(lambda: sealed(session, actor) == 6)
        session.execute(
            "UPDATE stateward_lease SET holder = 'another', token = token + 1,"
            " expires_at = clock_timestamp() + interval '1 second' WHERE name = %s",
            (LEASE,),
        )
        write_records(actor, 3)
        wait_for(lambda: sealed(session, actor) == 9)
    said = {record.message for record in caplog.records}
    assert {"sealer.began", "sealer.waits", "sealer.lease_lost", "sealer.ended"} <= said


def test_it_may_be_stopped_while_it_waits_for_the_lease(home: Path) -> None:
    with watching(home / "seals"), running(home):
        threading.Event().wait(0.3)


def test_a_thousand_records_are_sealed_before_the_second_is_over(
    seals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealer, "SEAL_SECONDS", 1000.0)
    monkeypatch.setattr(sealer, "SEAL_RECORDS", 20)
    actor = an_agent()
    with watching(seals) as watch, connect() as session:
        watch.seal()
        write_records(actor, 5)
        watch.tick()
        assert sealed(session, actor) == 0
        watch.renewed_at -= 10  # it keeps its lease meanwhile
        watch.tick()
        assert watch.is_behind
        write_records(actor, 30)
        watch.tick()
        session.rollback()
        assert sealed(session, actor) == 35


def test_idle_it_says_that_nothing_is_left(seals: Path) -> None:
    with watching(seals) as watch, connect(autocommit=True) as session:
        watch.seal()
        watch.tick()  # the heartbeat
        caught = "SELECT caught_up_at FROM stateward_audit_progress"
        before = session.execute(caught).fetchone()
        watch.renewed_at -= 10
        watch.sealed_at -= 10  # should anyone else have written meanwhile: then it is due as well
        watch.tick()
        watch.tick()

        assert session.execute(caught).fetchone() != before


def test_a_long_backlog_is_sealed_in_rounds(seals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PASSES_AT_ONCE", 2)
    actor = an_agent()
    with watching(seals) as watch, connect() as session:
        for _ in range(5):
            write_records(actor, 2)
            watch.is_behind = False
            watch.sealed_at = watch.renewed_at = watch.beaten_at = 1e12
            watch.tick()
        watch.seal()

        assert sealed(session, actor) == 10


@pytest.mark.parametrize(
    ("holder", "dead"),
    [
        ("", False),
        ("elsewhere:1", False),
        (f"{platform.node()}:1", False),
        (f"{platform.node()}:x", False),
        (f"{platform.node()}:{os.getpid()}", True),  # our own number: one before us had it
        (f"{platform.node()}:4194300", True),
    ],
    ids=[
        "nobody",
        "elsewhere",
        "alive",
        "no-number",
        "our-number",
        "dead",
    ],  # the same in every worker
)
def test_a_holder_is_known_dead_only_on_this_host(holder: str, dead: bool) -> None:
    assert is_dead(holder) is dead


def test_another_account_process_counts_as_living(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(pid: int, number: int) -> None:
        raise PermissionError(pid, number)

    monkeypatch.setattr(os, "kill", forbidden)

    assert not is_dead(f"{platform.node()}:4194300")


class TestCommand:
    @pytest.fixture(autouse=True)
    def signals(self) -> Iterator[None]:
        kept = [(name, signal.getsignal(name)) for name in (signal.SIGTERM, signal.SIGINT)]
        yield
        for name, handler in kept:
            signal.signal(name, handler)

    def test_it_ends_when_told(self, home: Path) -> None:
        before = signal.getsignal(signal.SIGTERM)

        def tell() -> None:
            # Not before the command listens: until then the signal would end the test run itself.
            wait_for(lambda: signal.getsignal(signal.SIGTERM) != before)
            os.kill(os.getpid(), signal.SIGTERM)

        teller = threading.Thread(target=tell)
        teller.start()

        call_command("sealer")

        teller.join()

    def test_it_needs_its_database(self, settings: Any) -> None:
        settings.SEQUENCER_DATABASE_URL = ""

        with pytest.raises(CommandError, match="STATEWARD_SEQUENCER_DATABASE_URL"):
            call_command("sealer")

    def test_it_needs_the_right_root_key(self, home: Path, settings: Any) -> None:
        with watching(home / "seals"):
            pass  # there is a key
        settings.ROOT_KEY = bytes(32)

        with pytest.raises(CommandError, match="STATEWARD_ROOT_KEY"):
            call_command("sealer")
