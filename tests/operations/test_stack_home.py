"""The home of a stack: private, held by one, and never without its root key."""

from __future__ import annotations

import base64
import json
import os
import socket
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from stateward.kernel.naming import fingerprint
from stateward.operations.embedded import accounts
from stateward.operations.exceptions import CannotStart
from stateward.operations.stack import home as homes
from stateward.operations.stack.addresses import choose_addresses
from stateward.operations.stack.home import Home, read_json
from stateward.operations.stack.secrets import keep_root_key, keep_secrets


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_secret_is_readable_by_its_owner_alone(home: Home) -> None:
    keep_root_key(home, has_data=False)
    keep_secrets(home)
    assert mode(home.root_key) == mode(home.secrets) == 0o600
    assert mode(home.logs) == mode(home.run) == 0o700


def test_the_root_key_is_made_once(home: Home) -> None:
    assert keep_root_key(home, has_data=False)
    key = home.root_key.read_bytes()
    assert not keep_root_key(home, has_data=True)
    assert home.root_key.read_bytes() == key
    assert len(base64.b64decode(key)) == 32


def test_a_missing_root_key_is_never_replaced_where_data_exists(home: Home) -> None:
    with pytest.raises(CannotStart, match="is gone"):
        keep_root_key(home, has_data=True)
    assert not home.root_key.exists()


def test_another_root_key_is_refused(home: Home) -> None:
    keep_root_key(home, has_data=False)
    known = keep_secrets(home)["root_key"]
    home.root_key.write_bytes(base64.b64encode(bytes(32)))
    with pytest.raises(CannotStart, match="not the key") as refused:
        keep_root_key(home, has_data=True)
    assert known in refused.value.remedy


@pytest.mark.parametrize("content", [b"", b"short", b"!!", base64.b64encode(bytes(31))])
def test_a_broken_root_key_is_named(home: Home, content: bytes) -> None:
    keep_root_key(home, has_data=False)
    keep_secrets(home)
    home.root_key.write_bytes(content)
    with pytest.raises(CannotStart, match="does not hold a root key"):
        keep_root_key(home, has_data=True)


def test_passwords_stay_and_differ(home: Home) -> None:
    keep_root_key(home, has_data=False)
    first = keep_secrets(home)
    assert keep_secrets(home) == first
    assert len(set(first.values())) == len(first)


def test_a_fingerprint_tells_keys_apart_and_gives_nothing_away() -> None:
    key = bytes(32)
    assert fingerprint(key) != fingerprint(bytes(31) + b"\x01")
    assert key.hex()[:16] not in fingerprint(key)


def test_one_stack_a_home(home: Home) -> None:
    held = home.lock()
    try:
        with pytest.raises(CannotStart, match=f"process {os.getpid()}"):
            home.lock()
    finally:
        os.close(held)
    os.close(home.lock())


def test_a_full_disk_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # what shutil answers
    monkeypatch.setattr(homes.shutil, "disk_usage", lambda path: usage(10, 9, 1024**2))
    with pytest.raises(CannotStart, match="Only 1 MiB are free"):
        home.prepare()


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CannotStart, match="cannot be written"):
        Home(file / "home").prepare()


def test_sockets_keep_a_short_path(tmp_path: Path) -> None:
    deep = Home(tmp_path / ("deep-" * 30))
    assert len(str(deep.run / "supervisor.sock")) < 100
    assert deep.run != Home(tmp_path / ("deeper-" * 30)).run


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_servers_of_an_unreachable_home_live_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(accounts, "SHARED", tmp_path / "shared")
    home = Home(closed / "home")
    home.prepare()
    elsewhere = home.servers
    assert elsewhere.parent == tmp_path / "shared"
    closed.chmod(0o755)
    assert home.servers == elsewhere, "data does not move when rights change"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_programs_that_the_account_cannot_reach_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "closed" / "programs"
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").write_text("#!/bin/sh\n")
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(accounts, "SHARED", tmp_path / "shared")
    copy = accounts.readable_programs(programs, "1")
    assert (copy / "bin" / "postgres").exists()
    assert accounts.readable_programs(programs, "1") == copy


def test_an_ordinary_user_drops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 1000)
    assert accounts.drop_privileges() == {}
    assert accounts.place_for(tmp_path) == tmp_path / "servers"


def test_root_without_another_account_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "SERVICE_USER", "no-such-account")
    with pytest.raises(RuntimeError, match="ordinary user"):
        accounts.service_account()


def test_a_taken_port_is_passed_over_and_the_choice_kept(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (home.path / "ports.json").write_text(json.dumps({"web": port}))
        addresses = choose_addresses(home)
        assert addresses.web != port
        assert read_json(home.path / "ports.json")["web"] == addresses.web
        assert choose_addresses(home) == addresses


def test_a_wish_that_is_taken_is_refused(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is taken"):
            choose_addresses(home, wish=port)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123"),
        ("0.0.0.0", "http://127.0.0.1:8123"),
        ("::1", "http://[::1]:8123"),
    ],
)
def test_the_address_that_is_printed_can_be_opened(home: Home, host: str, url: str) -> None:
    assert choose_addresses(home, host, 8123).url == url


def test_a_program_ends_with_its_parent(tmp_path: Path) -> None:
    follow = Path(homes.__file__).with_name("follow.py")
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-IS', {str(follow)!r}, 'TERM', '-',"
        " sys.executable, '-c', 'print(1, flush=True); import time; time.sleep(60)'],"
        " stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
    )
    # The parent ends at once; its child must not go on for its 60 seconds.
    outcome = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, timeout=20, check=True
    )
    child = int(outcome.stdout)
    status = Path(f"/proc/{child}/stat")
    for _ in range(200):
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        subprocess.run(["sleep", "0.02"], check=True)
    pytest.fail(f"process {child} outlived its parent")
