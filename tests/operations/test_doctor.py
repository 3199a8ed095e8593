"""``manage.py doctor``: each thing that can be wrong is named, with what to do."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError

from stateward.kernel.clock import now
from stateward.kernel.flow import Flow
from stateward.kernel.ids import uuid7
from stateward.operations.doctor import local, processes, servers
from stateward.operations.doctor.examine import EXAMINATIONS, examine
from stateward.operations.doctor.findings import Finding, error, ok, warning
from stateward.operations.jobs.queries import Process, Standing
from stateward.operations.jobs.running import Outcome, Run
from stateward.operations.jobs.services import start
from stateward.operations.management.commands import doctor
from tests.factories.jobs import carry

pytestmark = pytest.mark.usefixtures("database")


def levels(findings: Iterator[Finding]) -> list[str]:
    return [finding.level for finding in findings]


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection]:
    address = os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    settings.HOME = tmp_path
    return tmp_path


def answering(*rows: Any) -> SimpleNamespace:
    """A connection whose cursor answers ``rows`` one after the other."""
    left = list(rows)

    @contextmanager
    def cursor() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(
            execute=lambda *a: None, fetchone=lambda: left.pop(0), fetchall=lambda: left.pop(0)
        )

    return SimpleNamespace(cursor=cursor)


def answers(value: Any) -> Flow[Any]:
    """A flow that knows already."""
    yield from ()
    return value


def queue(*, waits: float | None = None, hanging: int = 0, **silent: float | None) -> Standing:
    """A queue with a worker or a beat that was last seen so many seconds ago."""
    return Standing(
        queued=1 if waits else 0,
        running=0,
        oldest=timedelta(seconds=waits) if waits else None,
        hanging=hanging,
        now=now(),
        processes=[
            Process(f"{kind}-1", kind, now(), timedelta(seconds=seconds))
            for kind, seconds in silent.items()
            if seconds is not None
        ],
    )


def test_an_examination_that_fails_is_a_finding() -> None:
    def broken() -> Iterator[Finding]:
        raise OperationalError("no route\nto host")
        yield

    findings = list(examine({"broken": broken, "fine": lambda: iter([ok("fine", "fine")])}))
    assert [(f.check, f.level) for f in findings] == [("broken", "error"), ("fine", "ok")]
    assert findings[0].says == "Could not be examined: no route"


def test_every_problem_says_what_to_do() -> None:
    assert [f for f in examine() if f.level != "ok" and not f.do] == []


def test_every_examination_speaks() -> None:
    silent = [name for name, examination in EXAMINATIONS.items() if not list(examination())]
    assert silent == []


class TestTheCommand:
    @pytest.fixture
    def found(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        return lambda *findings: monkeypatch.setattr(doctor, "examine", lambda: iter(findings))

    def run(self, *arguments: str) -> tuple[int, str]:
        output = StringIO()
        try:
            call_command("doctor", *arguments, stdout=output)
        except SystemExit as ended:
            return int(ended.code or 0), output.getvalue()
        return 0, output.getvalue()

    @pytest.mark.parametrize(
        ("findings", "status", "code"),
        [
            ([ok("a", "fine")], "ok", 0),
            ([ok("a", "fine"), warning("b", "hm", "look")], "warning", 2),
            ([error("c", "bad", "act"), warning("b", "hm", "look")], "error", 2),
        ],
    )
    def test_for_a_monitor(
        self, found: Callable[..., None], findings: list[Finding], status: str, code: int
    ) -> None:
        found(*findings)
        ended, output = self.run("--json")
        assert ended == code
        assert output.count("\n") == 1
        answer = json.loads(output)
        assert answer["status"] == status
        assert [f["check"] for f in answer["findings"]] == [f.check for f in findings]

    def test_for_a_person(self, found: Callable[..., None]) -> None:
        found(error("disk", "It is full.", "Empty it."), ok("clock", "It is right."))
        _, output = self.run()
        assert "ERROR" in output
        assert "Empty it." in output
        assert "ok      clock" in output


class TestThisMachine:
    def test_a_serious_check_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.core.checks import Error, Warning  # noqa: PLC0415  # as found by the examination

        said = [Error("bad", hint="act", id="x.E1"), Warning("hm", id="x.W1")]
        monkeypatch.setattr(local, "run_checks", lambda: said)
        assert levels(local.configuration()) == ["error", "warning"]

    def test_an_embedded_root_key_without_a_copy_is_a_warning(
        self, settings: Any, home: Path
    ) -> None:
        settings.EMBEDDED = True
        settings.ROOT_KEY_FILE = str(home / "root.key")
        assert levels(local.root_key_copy()) == ["warning"]
        (home / "copy").write_bytes(base64.b64encode(settings.ROOT_KEY))
        call_command("rootkey", "confirm-copy", str(home / "copy"), stdout=StringIO())
        assert levels(local.root_key_copy()) == ["ok"]
        settings.ROOT_KEY = bytes(32)
        assert levels(local.root_key_copy()) == ["warning"], "the confirmation was of another key"

    def test_a_secret_that_others_can_read_is_an_error(self, home: Path) -> None:
        (home / "secrets.json").touch(mode=0o600)
        assert levels(local.permissions()) == ["ok"]
        (home / "secrets.json").chmod(0o640)
        found = list(local.permissions())
        assert [f.level for f in found] == ["error"]
        assert found[0].do == f"chmod 600 {home / 'secrets.json'}"

    @pytest.mark.parametrize(("free", "level"), [(50, "ok"), (0.9, "warning"), (0.1, "error")])
    def test_a_filling_disk(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, free: float, level: str
    ) -> None:
        usage = SimpleNamespace(free=int(free * local.GIBIBYTE), total=100 * local.GIBIBYTE)
        monkeypatch.setattr(local.shutil, "disk_usage", lambda folder: usage)
        assert levels(local.disk()) == [level]


class TestTheDatabase:
    def test_an_old_server_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = (160004, "16.4", "stateward_app", False)
        monkeypatch.setattr(servers, "connection", answering(row))
        assert levels(servers.database()) == ["error"]

    def test_a_powerful_role_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = (180004, "18.4", "postgres", True)
        monkeypatch.setattr(servers, "connection", answering(row))
        assert "second wall" in next(iter(servers.database())).says

    @pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (3, "warning"), (-60, "error")])
    def test_clocks_that_differ(
        self, monkeypatch: pytest.MonkeyPatch, seconds: int, level: str
    ) -> None:
        from datetime import UTC, datetime  # noqa: PLC0415

        row = (datetime.now(UTC) + timedelta(seconds=seconds),)
        monkeypatch.setattr(servers, "connection", answering(row))
        assert levels(servers.clock()) == [level]

    def test_a_missing_migration_is_an_error(self, superuser: psycopg.Connection) -> None:
        last = superuser.execute(
            "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations)"
            " RETURNING id, app, name, applied"
        ).fetchone()
        try:
            assert levels(servers.migrations()) == ["error"]
        finally:
            superuser.execute("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", last)
        assert levels(servers.migrations()) == ["ok"]

    def test_a_table_without_partitions_is_an_error(self, superuser: psycopg.Connection) -> None:
        assert levels(servers.partitions()) == ["ok"]
        name = f"dry_{uuid7().hex}"
        superuser.execute(f"CREATE TABLE {name} (at timestamptz) PARTITION BY RANGE (at)")
        try:
            assert [f.says for f in servers.partitions()] == [f"{name} has none."]
            superuser.execute(
                f"CREATE TABLE {name}_p PARTITION OF {name} FOR VALUES FROM ('2020-01-01')"
                " TO ('2020-02-01')"
            )
            assert [f.says for f in servers.partitions()] == [
                f"{name} has partitions only until 2020-02-01."
            ]
        finally:
            superuser.execute(f"DROP TABLE {name}")


class TestWhatRunsBeside:
    def test_redis_is_missed_but_not_needed(self, settings: Any) -> None:
        assert levels(servers.broker()) == ["ok"]
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert levels(servers.broker()) == ["warning"]

    def test_a_silent_address_is_an_error(self, settings: Any) -> None:
        settings.PUBLIC_URL = "http://127.0.0.1:1"
        assert levels(servers.data_plane()) == ["error"]
        settings.PUBLIC_URL = ""
        assert levels(servers.data_plane()) == ["ok"]

    @pytest.mark.parametrize(
        ("rows", "level"),
        [
            ([], "error"),
            ([("feed", "host:1", timedelta(seconds=3))], "ok"),
            ([("feed", "host:1", timedelta(seconds=-3))], "error"),
        ],
    )
    def test_a_sealer_lives_by_its_lease(
        self, monkeypatch: pytest.MonkeyPatch, rows: list[Any], level: str
    ) -> None:
        monkeypatch.setattr(servers, "connection", answering(rows))
        assert levels(servers.sealer()) == [level]

    def test_who_has_never_numbered_is_missed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = [("sequencer", "host:1", timedelta(seconds=3))]
        monkeypatch.setattr(servers, "connection", answering(rows))
        assert levels(servers.sealer()) == ["error", "ok"]

    @pytest.mark.parametrize(
        ("silent", "taken", "level"),
        [
            (1, 20, "ok"),
            (1, None, "warning"),
            (1, 1200, "error"),
            (60, 20, "error"),
            (None, 20, "error"),
        ],
    )
    def test_a_silent_timetable(
        self,
        monkeypatch: pytest.MonkeyPatch,
        silent: float | None,
        taken: float | None,
        level: str,
    ) -> None:
        monkeypatch.setattr(processes, "standing", lambda: answers(queue(beat=silent)))
        monkeypatch.setattr(processes, "seconds_since_timetable", lambda: answers(taken))
        assert levels(processes.beat()) == [level]

    @pytest.mark.parametrize(
        ("silent", "waits", "hanging", "level"),
        [(1, None, 0, "ok"), (1, 20, 0, "ok"), (1, 1200, 0, "error"), (60, None, 0, "error"),
         (None, None, 0, "error"), (1, None, 2, "warning")],
    )  # fmt: skip
    def test_work_that_nobody_takes(
        self,
        monkeypatch: pytest.MonkeyPatch,
        silent: float | None,
        waits: float | None,
        hanging: int,
        level: str,
    ) -> None:
        found = queue(worker=silent, waits=waits, hanging=hanging)
        monkeypatch.setattr(processes, "standing", lambda: answers(found))
        assert levels(processes.worker()) == [level]

    def test_a_job_that_failed_the_last_time(self) -> None:
        def fail(run: Run) -> Outcome:
            raise ArithmeticError

        run_id = start("maintain_partitions", tenant_id=None)
        carry(run_id, fail)
        told = [finding for finding in processes.jobs() if str(run_id) in finding.do]
        carry(start("maintain_partitions", tenant_id=None))

        assert [finding.level for finding in told] == ["warning"]
        assert "ArithmeticError" in told[0].says
        assert not [finding for finding in processes.jobs() if str(run_id) in finding.do]

    def test_the_lag_is_known_to_the_sequencers_role_alone(self, settings: Any) -> None:
        assert levels(processes.sealing_lag()) in (["ok"], ["warning"], ["error"])
        settings.SEQUENCER_DATABASE_URL = ""
        assert levels(processes.sealing_lag()) == ["ok"]
        settings.SEQUENCER_DATABASE_URL = "postgresql://stateward_sequencer:x@127.0.0.1:1/x"
        assert levels(processes.sealing_lag()) == ["error"]

    @pytest.mark.parametrize(("seconds", "level"), [(1, "ok"), (30, "warning"), (300, "error")])
    def test_records_that_wait_for_their_seal(
        self, monkeypatch: pytest.MonkeyPatch, seconds: int, level: str
    ) -> None:
        @contextmanager
        def connect(*args: Any, **kwargs: Any) -> Iterator[SimpleNamespace]:
            row = (3, timedelta(seconds=seconds))
            yield SimpleNamespace(execute=lambda query: SimpleNamespace(fetchone=lambda: row))

        monkeypatch.setattr(processes.psycopg, "connect", connect)
        assert levels(processes.sealing_lag()) == [level]
