"""The story of ``make up``: prepare, start, serve, watch, stop."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from types import FrameType

from stateward.operations.embedded.ports import listens
from stateward.operations.exceptions import CannotStart, PortTaken
from stateward.operations.stack import programs
from stateward.operations.stack.addresses import Addresses, choose_addresses
from stateward.operations.stack.assembly import Stack
from stateward.operations.stack.home import Home, read_json, write_json
from stateward.operations.stack.secrets import keep_root_key, keep_secrets
from stateward.operations.stack.supervision import GONE_FOR_GOOD, tail
from stateward.operations.stack.watch import Watch

SERVER_SECONDS = 120.0  # a crash recovery may take its time
WEB_SECONDS = 180.0  # a small machine under load is slow, not broken
CONNECTION_SECONDS = 5.0
PORT_ATTEMPTS = 5
RUNNING = {"STARTING", "RUNNING"}
FAILING = {"BACKOFF", "EXITED", GONE_FOR_GOOD}
IN_USE = "address already in use"


def say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def up(home: Home, host: str, port: int, *, demo: bool = True, standby: bool = False) -> int:
    """Run the stack until it is told to stop; the exit code. ``demo``: let the demo agents play.
    ``standby``: with a second PostgreSQL that follows the first.
    """
    begun = time.monotonic()
    home.prepare()
    home.lock()
    # SIGINT too: a shell's background job is born with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    stack = assemble(home, host, port, standby=standby)
    try:
        start(stack, lambda: choose_addresses(home, host, port, standby=standby))
        introduce(stack, time.monotonic() - begun)
        if demo and not (home.path / "demo.done").exists():
            stack.supervision.start_program(programs.JOBS, "demo")
        Watch(stack, say).run()
    except KeyboardInterrupt:
        say("\nStopping.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        clean = stack.supervision.stop()
    say("Everything has stopped." if clean else "Stopped, some of it by force.")
    return 0 if clean else 1


def assemble(home: Home, host: str, port: int, *, standby: bool = False) -> Stack:
    """Keys, passwords, addresses: made on the first start, found on every other."""
    has_data = (home.servers / "postgres" / "PG_VERSION").exists()
    if keep_root_key(home, has_data):
        say(
            f"The root key has been made: {home.root_key}\n"
            "  Every stored value is encrypted under it. Without a copy of this file, kept\n"
            "  somewhere else, all of them are lost with this disk. Confirm your copy with:\n"
            "  .venv/bin/python manage.py rootkey confirm-copy"
        )
    addresses = choose_addresses(home, host, port, standby=standby)
    return Stack(home, addresses, keep_secrets(home))


def start(stack: Stack, choose: Callable[[], Addresses]) -> None:
    """Bring everything up; with other ports where somebody was faster to open one of ours."""
    for _ in range(PORT_ATTEMPTS - 1):
        try:
            _start(stack)
        except PortTaken as taken:
            say(f"  {taken.problem} Choosing again.")
            stack.supervision.stop()
            stack.settle(choose())
        else:
            return
    _start(stack)


def _start(stack: Stack) -> None:
    """Servers first, then the schema, then everything that uses them."""
    if not stack.cluster.initialised:
        _timed("PostgreSQL's data laid out", stack.initialise_cluster)
    _timed("PostgreSQL and Valkey started", lambda: _start_servers(stack))
    stack.prepare_database()
    _timed("schema brought up to date", lambda: stack.manage("migrate", "--database", "owner"))
    stack.supervision.start_group(programs.WEB)
    if not stack.home.quickstart.exists():
        _timed("demo tenants made", lambda: stack.manage("seed_demo"))
    _timed("first page served", lambda: _await_web(stack))
    # After the page: on a small machine their start would delay it.
    if stack.standby is None:
        stack.prepare_standby()
    else:
        _timed("standby copied, or found", stack.prepare_standby)
        stack.supervision.start_group(programs.REPLICAS)
    for name in programs.BACKGROUND:
        stack.supervision.start_program(programs.JOBS, name)


def _start_servers(stack: Stack) -> None:
    for log in stack.home.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.before"))  # what is read below is this start's
    stack.start_supervisor()
    stack.supervision.start_group(programs.SERVERS)
    _await(stack, "postgres", stack.database_answers, SERVER_SECONDS)
    _await(stack, "redis", stack.redis.answers, SERVER_SECONDS)


def _await_web(stack: Stack) -> None:
    _await(stack, "dataplane", lambda: _is_ready(stack), WEB_SECONDS)
    _await(stack, "console", lambda: 200 <= answers(stack.addresses, "/") < 500, WEB_SECONDS)


def _is_ready(stack: Stack) -> bool:
    """Our data plane is, that is: on this port another stack could be the one who answers."""
    pid = stack.state_of("dataplane")["pid"]
    return listens(pid, stack.addresses.web) and answers(stack.addresses, "/readyz") == 200


def answers(addresses: Addresses, path: str) -> int:
    """The status of one page; 0 while nobody answers."""
    connection = HTTPConnection(addresses.url.removeprefix("http://"), timeout=CONNECTION_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def _await(stack: Stack, name: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait for one program to answer. Raises ``CannotStart`` with the end of its log.

    It must also be running: on its port a stranger could be the one who answers.
    """
    deadline = time.monotonic() + seconds
    log = stack.home.logs / f"{name}.log"
    while (state := stack.state_of(name)["state"]) not in RUNNING or not ready():
        if state in FAILING and IN_USE in tail(log).lower():
            raise PortTaken(f"{name}'s port was taken just now.", "Start again.")
        if state == GONE_FOR_GOOD or time.monotonic() > deadline:
            raise CannotStart(
                f"{name} does not answer. The end of {log}:\n{tail(log)}",
                "Put right what it says and start again.",
            )
        time.sleep(0.05)


def introduce(stack: Stack, seconds: float) -> None:
    """Where it is, and who may come in."""
    quickstart = read_json(stack.home.quickstart)
    if quickstart and quickstart["url"] != stack.addresses.url:
        quickstart["url"] = stack.addresses.url
        write_json(stack.home.quickstart, quickstart)
    say(f"\nStateward is ready after {seconds:.1f} s: {stack.addresses.url}")
    if wanted := programs_moved(stack.addresses):
        say(f"  {wanted}")
    for role in ("admin", "auditor"):
        if person := quickstart.get(role):
            say(f"  {role:<9} {person['username']}   password {person['password']}")
    for agent in quickstart.get("agents", []):
        say(f"  agent     {agent['name']}   {agent['api_key']}")
    say(f"  All of this is in {stack.home.quickstart}; logs are in {stack.home.logs}.")
    if not stack.home.copy_confirmed.exists():
        say(f"  No copy of the root key {stack.home.root_key} has been confirmed yet.")
    say("  Ctrl-C stops everything; the next `make up` continues here.\n")


def programs_moved(addresses: Addresses) -> str:
    """A sentence when a usual port was taken; else nothing."""
    usual = (("web", addresses.web, 8000), ("PostgreSQL", addresses.postgres, 5432))
    moved = [
        f"{name} on {port} ({wanted} was taken)" for name, port, wanted in usual if port != wanted
    ]
    return "; ".join(moved)


def _timed(what: str, step: Callable[[], object]) -> None:
    begun = time.monotonic()
    step()
    say(f"  {time.monotonic() - begun:5.1f} s  {what}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
