"""The sealer as a process: stopped, killed at its worst moments, left without a database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_helpers import Session, an_agent, connect, wait_for, write_records

from stateward.gate.audit.verify import leaf_hash, subtree_root
from tests.patience import PATIENCE
from tests.servers import ROOT

pytestmark = pytest.mark.usefixtures("database")

# A sealer that is killed, by itself and without warning, when it comes to the given point.
KILLED_AT = """
import os, signal, sys
sys.path[:0] = [{root!r} + "/platform", {root!r}]
import django
django.setup()
from stateward.gate.audit import sealer, memory, sealing

def die(*args, **named):
    os.kill(os.getpid(), signal.SIGKILL)

def after(function):
    def wrapped(*args, **named):
        answer = function(*args, **named)
        if not args[1:] or args[1]:
            die()
        return answer
    return wrapped

point = {point!r}
if point == "appended":
    memory.Memory.keep = lambda self, notes, at: die() if notes else None
elif point == "signed":
    memory.Memory.keep = after(memory.Memory.keep)
elif point == "stored":
    memory.Memory.publish = lambda self, notes: die() if notes else None
elif point == "torn":
    def torn(self, notes, at):
        if notes:
            with (self.folder / (str(at.date()) + ".jsonl")).open("ab") as file:
                file.write(memory._lines(notes)[:-20])
            die()
    memory.Memory.keep = torn
from django.core.management import call_command
call_command("sealer")
"""


def start(*command: str) -> subprocess.Popen[bytes]:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "stateward.settings.test"}
    return subprocess.Popen([sys.executable, *command], env=env, stderr=subprocess.PIPE)


@pytest.fixture
def sealers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Started sealers, ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def size_of(session: Session, actor: Any) -> int:
    row = session.execute(
        "SELECT size FROM stateward_audit_checkpoint WHERE tenant_id = %s"
        " ORDER BY size DESC LIMIT 1", (actor.tenant_id,),
    ).fetchone()  # fmt: skip
    return 0 if row is None else int(row[0])


def check_whole(session: Session, actor: Any, count: int) -> None:
    """Every record is in the tree once, in the order of the passes, and nothing is alarmed."""
    rows = session.execute(
        "SELECT record FROM stateward_audit_record WHERE tenant_id = %s"
        " ORDER BY stateward_pass_of(xid), seq",
        (actor.tenant_id,),
    ).fetchall()
    tree = session.execute(
        "SELECT size, root, alarm FROM stateward_audit_tree WHERE tenant_id = %s",
        (actor.tenant_id,),
    ).fetchone()
    assert tree == (count, subtree_root([leaf_hash(row[0]) for row in rows]), None)


def test_it_seals_within_about_a_second_and_ends_when_told(sealers: Any) -> None:
    actor = an_agent()
    sealers.append(start("manage.py", "sealer"))
    with connect(autocommit=True) as session:
        write_records(actor, 20)
        wait_for(lambda: size_of(session, actor) == 20)
        write_records(actor, 20)
        wait_for(lambda: size_of(session, actor) == 40)

        sealers[0].send_signal(signal.SIGTERM)
        assert sealers[0].wait(timeout=PATIENCE) == 0
        check_whole(session, actor, 40)


@pytest.mark.parametrize("point", ["appended", "signed", "stored", "torn"])
def test_killed_at_any_point_it_goes_on(point: str, sealers: Any) -> None:
    """F02: no fork, no gap, no index twice."""
    actor = an_agent()
    write_records(actor, 30)
    killed = start("-c", KILLED_AT.format(root=str(ROOT), point=point))
    assert killed.wait(timeout=PATIENCE) == -signal.SIGKILL
    killed.communicate()
    write_records(actor, 30)

    sealers.append(start("manage.py", "sealer"))

    with connect(autocommit=True) as session:
        wait_for(lambda: size_of(session, actor) == 60)
        check_whole(session, actor, 60)
        sizes = session.execute(
            "SELECT first, count FROM stateward_audit_batch WHERE tenant_id = %s ORDER BY first",
            (actor.tenant_id,),
        ).fetchall()
    ends = [0, *(first + count for first, count in sizes)]
    assert [first for first, _ in sizes] == ends[:-1]


def test_one_killed_again_and_again_under_load_loses_nothing(sealers: Any) -> None:
    actor = an_agent()
    written = 0
    with connect(autocommit=True) as session:
        for _ in range(2):
            sealers.append(start("manage.py", "sealer"))
            before = size_of(session, actor)
            while size_of(session, actor) == before:
                write_records(actor, 10)
                written += 10
            sealers[-1].kill()
            sealers[-1].wait()
        sealers.append(start("manage.py", "sealer"))
        wait_for(lambda: size_of(session, actor) == written)
        check_whole(session, actor, written)


def test_without_its_database_it_waits(sealers: Any) -> None:
    """As at a restart of PostgreSQL: every connection of the sealer is cut."""
    actor = an_agent()
    sealers.append(start("manage.py", "sealer"))
    with connect(autocommit=True) as session:
        write_records(actor, 5)
        wait_for(lambda: size_of(session, actor) == 5)
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'stateward_sequencer' AND datname = current_database()"
        )
        write_records(actor, 5)
        wait_for(lambda: size_of(session, actor) == 10)
        check_whole(session, actor, 10)
    assert sealers[0].poll() is None


def test_a_second_one_waits_for_the_first(sealers: Any, tmp_path: Path) -> None:
    actor = an_agent()
    sealers.append(start("manage.py", "sealer"))
    with connect(autocommit=True) as session:
        write_records(actor, 5)
        wait_for(lambda: size_of(session, actor) == 5)
        sealers.append(start("manage.py", "sealer"))
        write_records(actor, 5)
        wait_for(lambda: size_of(session, actor) == 10)
        sealers[0].terminate()
        sealers[0].wait(timeout=PATIENCE)
        write_records(actor, 5)
        wait_for(lambda: size_of(session, actor) == 15)
        check_whole(session, actor, 15)


def test_a_wrong_root_key_is_refused_by_the_key_id(sealers: Any) -> None:
    """F42, for the key that signs."""
    sealers.append(start("manage.py", "sealer"))
    with connect(autocommit=True) as session:
        actor = an_agent()
        write_records(actor, 1)
        wait_for(lambda: size_of(session, actor) == 1)
        sealers[0].terminate()
        sealers[0].wait(timeout=PATIENCE)
        row = session.execute("SELECT id FROM stateward_audit_key").fetchone()
    wrong = (
        "import sys, os; sys.path[:0] = ['platform', '.']; import django; django.setup();"
        "from django.conf import settings; settings.ROOT_KEY = bytes(32);"
        "from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'sealer'])"
    )

    process = start("-c", wrong)
    _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode != 0
    assert str(row[0]) in said.decode()
    assert bytes(32).hex() not in said.decode()
