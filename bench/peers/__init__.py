"""What else there is, measured in the same rounds: libraries in their own process by their own
Python interface, Valkey with every write synced, and etcd where the machine has it.

Each peer writes and reads 1 KiB under random keys, as its documentation shows. The libraries' own
loop is counted with them, as ours is with us; what is not installed is reported absent.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.machine import ROOT, Database, Sample, children, cpu_seconds, percentiles
from stateward.operations.embedded.accounts import drop_privileges, give
from stateward.operations.embedded.ports import any_free
from stateward.operations.embedded.redis import server_program

PYTHON = ROOT / "build/peers/bin/python"
LIBRARIES = {
    "AsyncPostgresSaver": "langgraph.checkpoint.postgres",
    "AsyncPostgresStore": "langgraph.store.postgres",
    "SQLAlchemySession": "agents.extensions.memory",
}
VALKEY = "Valkey, every write synced"
ETCD = "etcd over gRPC"
START_SECONDS = 20

Line = Callable[[str, int], Sample]  # what ("write" or "read"), connections


def installed() -> bool:
    return PYTHON.exists()


def peers(
    stack: ExitStack, database: Database, folder: Path, absent: dict[str, str], *,
    seconds: float, value: str, keys: int,
) -> Iterator[tuple[str, Line]]:  # fmt: skip
    """Each peer that is there, by name; the others are noted in ``absent``."""
    if not installed():
        for name in (*LIBRARIES, VALKEY):
            absent[name] = "build/peers is not installed"
    else:
        dsn = database.url("stateward_owner", "peers")
        database.cluster.psql("CREATE DATABASE peers OWNER stateward_owner", "bench")
        plan = {"seconds": seconds, "value": value, "keys": keys}
        for name in LIBRARIES:
            yield name, _library(name, database, plan | {"dsn": dsn})
        try:
            port, process = _start_valkey(stack, folder)
        except RuntimeError as error:
            absent[VALKEY] = str(error)
        else:
            yield VALKEY, _valkey(port, process, plan)
    missing = [tool for tool in ("etcd", "h2load") if shutil.which(tool) is None]
    if missing:
        absent[ETCD] = f"{' and '.join(missing)} not installed"
    else:
        yield ETCD, _etcd(*_start_etcd(stack, folder), seconds=seconds, value=value)


def _library(name: str, database: Database, plan: dict[str, object]) -> Line:
    def measured(what: str, connections: int) -> Sample:
        before = database.cpu()
        found = _inside(plan | {"peer": name, "what": what, "connections": connections})
        spent = (database.cpu() - before) / found["count"] * 1000
        return Sample(found["rate"], found["p50"], found["p99"], found["cpu"], spent)

    return measured


def _valkey(port: int, process: subprocess.Popen[bytes], plan: dict[str, object]) -> Line:
    def measured(what: str, connections: int) -> Sample:
        before = cpu_seconds([process.pid])
        found = _inside(
            plan | {"peer": "valkey", "port": port, "what": what, "connections": connections}
        )
        spent = (cpu_seconds([process.pid]) - before) / found["count"] * 1000
        return Sample(found["rate"], found["p50"], found["p99"], spent, 0.0)

    return measured


def _inside(plan: dict[str, object]) -> dict[str, float]:
    out = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("inside.py"))],
        input=json.dumps(plan), capture_output=True, text=True, check=False,
        env={"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent",
             "OPENAI_AGENTS_DISABLE_TRACING": "1", "LANGSMITH_TRACING": "false"},
    )  # fmt: skip
    if out.returncode:
        raise RuntimeError(f"{plan['peer']} failed:\n{out.stderr[-2000:]}")
    found: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return found


def _start_valkey(stack: ExitStack, folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    place = folder / "valkey"
    place.mkdir()
    give(place)
    port = any_free()
    command = [
        str(server_program()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(place),
        "--save", "", "--appendonly", "yes", "--appendfsync", "always",
    ]  # fmt: skip
    return port, _start(stack, command, port, **drop_privileges())


def _start(
    stack: ExitStack, command: list[str], port: int, **how: object
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **how
    )  # type: ignore[call-overload]

    def stop() -> None:
        process.kill()
        process.wait()

    stack.callback(stop)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return process  # type: ignore[no-any-return]
        time.sleep(0.05)
    raise RuntimeError(f"{command[0]} did not open its port")


def _start_etcd(stack: ExitStack, folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    port, peer = any_free(), any_free()
    client, own = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    command = [
        "etcd", "--data-dir", str(folder / "etcd"), "--log-level", "error",
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", own, "--initial-advertise-peer-urls", own,
        "--initial-cluster", f"default={own}", "--initial-cluster-token", secrets.token_hex(4),
    ]  # fmt: skip
    process = _start(stack, command, port)
    time.sleep(1)  # until it has elected itself
    return port, process


def _etcd(port: int, process: subprocess.Popen[bytes], *, seconds: float, value: str) -> Line:
    def measured(what: str, connections: int) -> Sample:
        before = cpu_seconds([process.pid, *children(process.pid)])
        with tempfile.TemporaryDirectory() as folder:
            body, log = Path(folder) / "body", Path(folder) / "log"
            body.write_bytes(_grpc_message(what, value.encode()))
            method = "Put" if what == "write" else "Range"
            said = subprocess.run(
                [
                    "h2load", "-p", "h2c", "-c", str(connections), "-m", "1", "-t", "1",
                    "-D", str(max(1, round(seconds))), "-d", str(body), f"--log-file={log}",
                    "-H", "content-type: application/grpc", "-H", "te: trailers",
                    f"http://127.0.0.1:{port}/etcdserverpb.KV/{method}",
                ],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
            lines = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
        failed = re.search(r"(\d+) failed", said)
        if failed is None or int(failed[1]) or not lines:
            raise RuntimeError(f"etcd refused {what}: {said[-500:]}")
        latencies = [int(line[2]) / 1000 for line in lines]
        spent = cpu_seconds([process.pid, *children(process.pid)]) - before
        count = len(latencies)
        rate = count / max(1, round(seconds))
        return Sample(rate, *percentiles(latencies), spent / count * 1000, 0.0)

    return measured


def _grpc_message(what: str, value: bytes) -> bytes:
    """A KV request of etcd's API, framed: the key in field 1, the value in field 2."""
    message = b"\x0a\x021x"
    if what == "write":
        message += b"\x12" + _varint(len(value)) + value
    return b"\x00" + struct.pack(">I", len(message)) + message


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
