"""One benchmark: everything started, filled, measured in rounds, and stopped again."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as compose

from bench import peers as peering
from bench import sql
from bench.machine import (
    ROOT,
    Database,
    Sample,
    Target,
    Work,
    load,
    measure,
    percentiles,
    python,
    start,
)

VALUE = json.dumps(
    {"customer": "Ada Example", "flights": ["SW100", "SW214"], "note": "x" * 900, "paid": True}
)
BODY = f'{{"value":{VALUE}}}'
TOGETHER = 100  # operations of a transaction
MANY = json.dumps({
    "operations": [
        {"op": "put", "key": f"b{{block}}-{number:02}", "value": json.loads(VALUE)}
        for number in range(TOGETHER)
    ]
})  # fmt: skip
JSON = "Content-Type: application/json\r\n"
ENTRIES = "/api/v1/namespaces/{}/entries/{{key}}"
SECRET_KEYS = 2_000
CROWD = 1_000  # followers of one process
UVICORN = ["-m", "uvicorn", "--port", "{port}", "--log-level", "warning",
           "--loop", "uvloop", "--http", "httptools", "--no-access-log"]  # fmt: skip
GRANIAN = ["-m", "granian", "--interface", "wsgi", "--port", "{port}", "--workers", "2",
           "--blocking-threads", "8", "--no-ws", "--log-level", "warning"]  # fmt: skip


@dataclass(frozen=True)
class Options:
    rounds: int = 5
    seconds: float = 3
    connections: tuple[int, ...] = (32, 8, 1)
    keys: int = 20_000
    only: tuple[str, ...] = ()
    with_numbers: bool = True  # decisions, sealing and the verifier too
    with_peers: bool = True


@dataclass
class Findings:
    """What one run found: for each line of the table its samples, a round each."""

    machine: list[str]
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


Measurement = Callable[[], Sample]


def run(options: Options, findings: Findings) -> None:
    """Measure everything, into ``findings``, which keep what was measured when the rest fails.
    RuntimeError where something answers other than it should.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stateward-bench-")))
        folder.chmod(0o755)  # the database's account goes through it
        database = stack.enter_context(database_of(folder))
        product = Product(database, folder)
        ours = {name: stack.enter_context(product.serving(name)) for name in ("bench", "secret")}
        floors = dict(_floors(stack, database, folder, findings))
        _fill(database, ours, options.keys)
        lines = dict(_lines(database, ours, floors, options))
        if options.with_peers:
            lines |= dict(_peers(stack, database, folder, findings, options))
        for _ in range(options.rounds):
            for name, line in lines.items():
                sample = line()
                findings.samples.setdefault(name, []).append(sample)
        if options.with_numbers:
            findings.numbers |= product.ask("decisions")
            product.measure_feed(ours["bench"], findings, options)
            product.measure_sealing(ours["bench"], findings, options)


@contextmanager
def database_of(folder: Path) -> Iterator[Database]:
    """A PostgreSQL of the run's own, with the tables that pgbench uses."""
    database = Database(folder)
    try:
        with psycopg.connect(database.url("stateward_owner", "bench")) as connection:
            connection.execute(sql.SCHEMA)
        yield database
    finally:
        database.cluster.stop("immediate")


def _floors(
    stack: ExitStack, database: Database, folder: Path, findings: Findings
) -> Iterator[tuple[str, Target]]:
    servers = {
        "bare ASGI": [*UVICORN, "bench.floors.bare:application"],
        "FastAPI": [*UVICORN, "bench.floors.fast:application"],
        "DRF + ORM": [*GRANIAN, "bench.floors.drf:application"],
    }
    if not peering.installed():
        del servers["FastAPI"]
        findings.absent["FastAPI"] = "build/peers is not installed"
    environment = {"BENCH_DSN": database.url("stateward_owner", "bench")}
    for number, (name, arguments) in enumerate(servers.items()):
        log = folder / f"floor{number}.log"
        target = start(
            name, arguments, environment, path="/entries/{key}", headers=JSON, log=log,
            interpreter=str(peering.PYTHON) if name == "FastAPI" else sys.executable,
        )  # fmt: skip
        stack.callback(target.stop)
        yield name, target


def _fill(database: Database, ours: dict[str, Target], keys: int) -> None:
    with psycopg.connect(database.url("stateward_owner", "bench")) as connection:
        # Not a parameter of the statement: several of them cannot have any.
        for text in (sql.FILL, sql.FILL_ORM):
            connection.execute(text, {"value": VALUE, "keys": keys})
        connection.execute("ANALYZE")
    load(ours["bench"], Work("PUT", BODY, JSON), fill=keys)
    load(ours["secret"], Work("PUT", BODY, JSON), fill=min(keys, SECRET_KEYS))


def _lines(
    database: Database, ours: dict[str, Target], floors: dict[str, Target], options: Options
) -> Iterator[tuple[str, Measurement]]:
    """Each line of the table, in the order of a round."""

    def limit(script: str, connections: int) -> Measurement:
        return lambda: database.pgbench(
            script, connections, options.seconds, value=VALUE, keys=options.keys
        )

    def line(target: Target, work: Work, keys: int = options.keys) -> Measurement:
        return lambda: measure(target, work, database, seconds=options.seconds, keys=keys)

    def wanted(name: str) -> bool:
        return not options.only or any(word in name for word in options.only)

    lines: dict[str, Measurement] = {}
    for count in options.connections:
        put = Work("PUT", BODY, JSON, count)
        lines[f"limit write {count}"] = limit(sql.WRITE_SCRIPT, count)
        lines[f"governed write {count}"] = line(ours["bench"], put)
        lines[f"limit read {count}"] = limit(sql.READ_SCRIPT, count)
        lines[f"governed read {count}"] = line(ours["bench"], Work("GET", connections=count))
    most = max(options.connections)
    unchanged = Work("GET", headers="If-None-Match: *\r\n", connections=most)
    read = Work("GET", connections=most)
    secret = min(options.keys, SECRET_KEYS)
    lines[f"governed read, 304 {most}"] = line(ours["bench"], unchanged)
    lines[f"governed read, confidential {most}"] = line(ours["secret"], read, secret)
    for name, target in floors.items():
        lines[f"{name} write {most}"] = line(target, Work("PUT", BODY, "", most))
        lines[f"{name} read {most}"] = line(target, read)
    blocks = max(1, options.keys // TOGETHER)
    transactions = line(_transactions(ours["bench"]), Work("POST", MANY, JSON, most), blocks)
    lines[f"governed write, {TOGETHER} together {most}"] = lambda: _each(transactions())
    return ((name, measured) for name, measured in lines.items() if wanted(name))


def _peers(
    stack: ExitStack, database: Database, folder: Path, findings: Findings, options: Options
) -> Iterator[tuple[str, Measurement]]:
    most = max(options.connections)
    found = peering.peers(
        stack, database, folder, findings.absent,
        seconds=options.seconds, value=VALUE, keys=options.keys,
    )  # fmt: skip
    for name, measured in found:
        for what in ("write", "read"):
            line = f"{name} {what} {most}"
            if not options.only or any(word in line for word in options.only):
                yield line, partial(measured, what, most)


def _transactions(target: Target) -> Target:
    return replace(target, path=target.path.removesuffix("entries/{key}") + "transactions")


def _each(sample: Sample) -> Sample:
    """Of transactions, what one of their operations comes to; latencies stay the transaction's."""
    return sample._replace(
        rate=sample.rate * TOGETHER,
        app=sample.app / TOGETHER,
        database=sample.database / TOGETHER,
    )


class Product:
    """The product, with one tenant in it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "stateward.settings.installed",
            "STATEWARD_HOME": str(folder / "home"),
            "STATEWARD_SECRET_KEY": secrets.token_urlsafe(48),
            "STATEWARD_ROOT_KEY": secrets.token_hex(32),
            "STATEWARD_DATABASE_URL": database.url("stateward_app"),
            "STATEWARD_OWNER_DATABASE_URL": database.url("stateward_owner"),
            "STATEWARD_SEQUENCER_DATABASE_URL": database.url("stateward_sequencer"),
            "STATEWARD_REDIS_URL": "redis://127.0.0.1:1/0",  # nothing measured here needs it
        }
        made = self.ask("prepare")
        self.tenant: str = made["tenant"]
        self.headers = f"Authorization: Bearer {made['api_key']}\r\n"
        self._server: Target | None = None

    def ask(self, what: str, *arguments: str) -> dict[str, Any]:
        process = python(
            "-m", "bench.product", what, *arguments,
            environment=self.environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        out = process.communicate()[0]
        if process.returncode:
            raise RuntimeError(f"bench.product {what} failed")
        answer: dict[str, Any] = json.loads(out)
        return answer

    @contextmanager
    def serving(self, namespace: str) -> Iterator[Target]:
        """The data plane's address of ``namespace``; one process serves all."""
        path = ENTRIES.format(namespace)
        if self._server is not None:
            server = self._server
            yield Target("ours", server.port, path, self.headers, server.process)
            return
        arguments = [
            *UVICORN, "--http", "stateward.web.http:Protocol", "--no-proxy-headers",
            "stateward.asgi:application",
        ]  # fmt: skip
        log = self.folder / "dataplane.log"
        self._server = start(
            "ours", arguments, self.environment, path=path, headers=self.headers, log=log
        )
        try:
            yield self._server
        finally:
            self._server.stop()

    def measure_feed(self, target: Target, findings: Findings, options: Options) -> None:
        """How soon followers hear of a change, and what following takes of the write rate."""
        sealer = python(
            "manage.py", "sealer", environment=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with psycopg.connect(self.database.url("postgres"), autocommit=True) as connection:
                self._wait(connection)
            seconds = max(options.seconds, min(10, 3 * options.seconds))
            with self._following(target, 1, seconds) as followed:
                self._half_load(target, findings, options)
            findings.numbers |= {"feed_p50": followed["each"][0], "feed_p99": followed["each"][1]}
            missed = followed["missed"]
            with self._following(target, CROWD, seconds) as followed:
                pass
            findings.numbers |= {
                "crowd_p50": followed["last"][0],
                "feed_missed": missed + followed["missed"],
                "feed_loss": self._loss(target, options),
            }
        finally:
            sealer.terminate()
            sealer.wait()

    def _loss(self, target: Target, options: Options) -> float:
        """The share of the write rate that goes when somebody follows: the median of the rounds."""
        work = Work("PUT", BODY, JSON, max(options.connections))

        def rate() -> float:
            return measure(
                target, work, self.database, seconds=options.seconds, keys=options.keys
            ).rate

        shares = []
        for _ in range(max(3, options.rounds)):
            alone = rate()
            with self._following(target, 1, options.seconds + 1):
                beside = rate()
            shares.append(1 - beside / alone)
        return percentiles(shares)[0]

    @contextmanager
    def _following(
        self, target: Target, followers: int, seconds: float
    ) -> Iterator[dict[str, Any]]:
        """Followers, and writes that they wait for, beside what the block does."""
        found: dict[str, Any] = {}
        plan = {
            "port": target.port, "path": target.path, "headers": self.headers,
            "followers": followers, "seconds": seconds, "pause": 0.05, "settle": 0.5,
        }  # fmt: skip
        process = python(
            "-m", "bench.feed", environment={},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise RuntimeError("a process without pipes")
        process.stdin.write(json.dumps(plan).encode())
        process.stdin.close()
        if process.stderr.readline() != b"ready\n":
            raise RuntimeError(f"the followers were not let in: {process.stderr.read()!r}")
        yield found
        out, said = process.stdout.read(), process.stderr.read()
        if process.wait():
            raise RuntimeError(f"the followers failed: {said!r}")
        found |= json.loads(out)

    def measure_sealing(self, target: Target, findings: Findings, options: Options) -> None:
        """Seal what the rounds left, then how far sealing is behind at half load; then verify."""
        sealer = python(
            "manage.py", "sealer", environment=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        url = self.database.url("postgres")
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                began = time.monotonic()
                total = _row(connection, "SELECT count(*) FROM stateward_audit_record")[0]
                self._wait(connection, sealer)
                findings.numbers["sealed"] = total / (time.monotonic() - began)
                since = _row(connection, "SELECT clock_timestamp()")[0]
                self._half_load(target, findings, options)
                self._wait(connection, sealer)
                count, lags = _row(connection, sql.SEALING_LAG, (self.tenant, since))
                findings.numbers |= {"lag_count": count, "lag_p50": lags[0], "lag_p99": lags[1]}
        finally:
            sealer.terminate()
            sealer.wait()
        self._verify(findings, since.isoformat())

    def _half_load(self, target: Target, findings: Findings, options: Options) -> None:
        name = f"governed write {max(options.connections)}"
        rates = [sample.rate for sample in findings.samples.get(name, [])] or [1000.0]
        rate = percentiles(rates)[0] / 2
        work = Work("PUT", BODY, JSON, max(options.connections))
        seconds = max(options.seconds, min(10, 3 * options.seconds))
        found = load(target, work, seconds=seconds, keys=options.keys, rate=rate)
        findings.numbers["half_load"] = len(found["latencies"]) / found["seconds"]

    @staticmethod
    def _wait(connection: psycopg.Connection[Any], sealer: subprocess.Popen[bytes]) -> None:
        """Until everything committed before now is sealed."""
        moment = _row(connection, "SELECT clock_timestamp()")[0]
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if _row(connection, "SELECT caught_up_at FROM stateward_audit_progress")[0] > moment:
                return
            if sealer.poll() is not None:
                raise RuntimeError(f"the sealer ended with code {sealer.returncode}")
            time.sleep(0.05)
        raise RuntimeError("the sealer did not catch up within five minutes")

    def _verify(self, findings: Findings, since: str) -> None:
        path = self.folder / "bundle"
        count = self.ask("bundle", self.tenant, str(path), since)["records"]
        began = time.monotonic()
        verifier = ROOT / "platform/stateward/gate/audit/verify.py"
        subprocess.run(
            [sys.executable, str(verifier), str(path)], check=True, stdout=subprocess.DEVNULL
        )
        findings.numbers["verified"] = count / (time.monotonic() - began)
        findings.numbers |= self.ask("replay", self.tenant)


def _row(connection: psycopg.Connection[Any], text: str, values: Any = ()) -> Any:
    row = connection.execute(compose.SQL(text), values).fetchone()
    assert row is not None
    return row
