"""The log comes whole and in order to every kind of sink, whatever happens to the sink (F39)."""

from __future__ import annotations

import json
import os
import socket
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from governance.sinks import services
from governance.sinks.carriers import file as files
from governance.sinks.delivering import take_turn
from stateward.gate.audit.merkle import Frontier
from stateward.gate.audit.verify import encode64, leaf_hash
from stateward.kernel.clock import now
from stateward.tenancy.scope import tenant_scope
from stateward.web.webhooks import secret_from, verify
from tests.audit.audit_helpers import connect
from tests.factories.api import audit_events
from tests.sinks.sink_world import CALL, Collector, Receiver, Sinks


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def places(lines: list[dict[str, Any]]) -> list[int]:
    return [line["index"] for line in lines if "index" in line]


@pytest.fixture
def path(sinks: Sinks, tmp_path: Path) -> Path:
    return tmp_path / str(sinks.tenant.id) / "audit.ndjson"


class TestFile:
    def test_every_record_comes_as_it_was_sealed_with_the_checkpoint(
        self, sinks: Sinks, path: Path
    ) -> None:
        sinks.write(3)
        sink = sinks.make("file", {"file": "audit"}, since="beginning")

        assert sinks.all_of(sink) == sinks.standing(sink).sink.cursor

        lines = read(path)
        assert places(lines) == list(range(len(places(lines))))
        for line in path.read_bytes().splitlines()[: len(places(lines))]:
            record = line[line.index(b'"record":') + 9 : -1]
            assert leaf_hash(record).hex() == json.loads(line)["leaf"]
        assert "stateward" in lines[-1]["checkpoint"]
        assert sinks.standing(sink).condition == "caught_up"

    def test_personal_values_stay_here_unless_asked_for(self, sinks: Sinks, path: Path) -> None:
        sink = sinks.make("file", {"file": "audit"})
        sinks.write(1)
        sinks.all_of(sink)
        assert b"key-0" not in path.read_bytes()

        services.change_sink(sinks.owner, CALL, sink.id, {"with_payload": True})
        sinks.write(1)
        sinks.all_of(sink)
        assert b"key-0" in path.read_bytes()

    def test_a_file_that_was_removed_is_begun_again_and_that_is_said(
        self, sinks: Sinks, path: Path
    ) -> None:
        sink = sinks.make("file", {"file": "audit"})
        sinks.write(2)
        sinks.all_of(sink)
        last = places(read(path))[-1]
        path.unlink()

        sinks.write(2)
        sinks.all_of(sink)

        assert places(read(path))[0] == last + 1
        assert ("audit.manage", "sink.noticed", "allow") in audit_events(sinks.tenant.id)

    def test_it_is_rotated_by_size_and_nothing_is_lost(self, sinks: Sinks, path: Path) -> None:
        sink = sinks.make("file", {"file": "audit", "rotate_bytes": 65_536})
        start = sink.cursor
        for _ in range(4):
            sinks.write(40)
            sinks.all_of(sink)

        parts = sorted(path.parent.glob("audit*.ndjson"), key=lambda one: one.stat().st_mtime_ns)
        assert len(parts) > 1
        found = [place for part in parts for place in places(read(part))]
        assert found == list(range(start, sinks.standing(sink).sink.cursor))

    def test_a_full_disk_leaves_the_file_whole_and_is_made_up_for(
        self, sinks: Sinks, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink = sinks.make("file", {"file": "audit"})
        sinks.write(2)
        sinks.all_of(sink)
        whole = path.read_bytes()
        real = os.write

        def full(opened: int, data: Any) -> int:
            real(opened, bytes(data)[:100])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(files.os, "write", full)
        sinks.write(2)
        assert not sinks.deliver(sink).is_taken
        assert path.read_bytes() == whole
        standing = sinks.standing(sink)
        assert standing.condition == "failing"
        assert "No space left" in standing.sink.said

        monkeypatch.undo()
        sinks.all_of(sink)
        assert places(read(path)) == list(range(sink.cursor, sinks.standing(sink).sink.cursor))

    def test_what_a_killed_worker_left_half_written_is_taken_out(
        self, sinks: Sinks, path: Path
    ) -> None:
        sink = sinks.make("file", {"file": "audit"})
        sinks.write(2)
        sinks.all_of(sink)
        with path.open("ab") as torn:
            torn.write(b'{"index": 9999, "rec')

        sinks.write(1)
        sinks.all_of(sink)

        assert places(read(path)) == list(range(sink.cursor, sinks.standing(sink).sink.cursor))


class TestWebhook:
    def test_a_batch_is_one_message_that_can_be_verified(
        self, sinks: Sinks, receiver: Receiver
    ) -> None:
        sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
        sinks.write(3)

        assert sinks.deliver(sink).is_taken

        (_, _, headers, body), *others = receiver.got
        verify(secret_from(sinks.secret), headers, body, now())
        assert receiver.records()[0] == sink.cursor
        assert others == []

    def test_one_that_hangs_or_fails_is_tried_again_with_the_same_message(
        self, sinks: Sinks, receiver: Receiver
    ) -> None:
        sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
        sinks.write(2)
        receiver.status = 500
        assert not sinks.deliver(sink).is_taken
        sinks.write(5)  # came meanwhile: not part of the message that was tried
        receiver.status = 200

        sinks.all_of(sink)

        first = receiver.got[0]
        assert [json.loads(line).get("index") for line in first[3].splitlines()[:2]]
        assert receiver.records() == list(range(sink.cursor, sinks.standing(sink).sink.cursor))
        assert len({headers["webhook-id"] for _, _, headers, _ in receiver.got}) == len(
            receiver.got
        )
        events = [event for _, event, _ in audit_events(sinks.tenant.id)]
        assert events.count("sink.failed") == 1
        assert events.count("sink.recovered") == 1

    def test_a_lost_answer_brings_the_same_id_again(self, sinks: Sinks, receiver: Receiver) -> None:
        """At least once: killed between the answer and the note of it."""
        sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
        sinks.write(2)

        class Killed(Exception): ...

        calls = 0

        def guard() -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise Killed

        with pytest.raises(Killed):
            take_turn(sinks.tenant.id, sinks.tenant.slug, sink.id, guard)
        sinks.write(3)
        sinks.deliver(sink)

        (_, _, one, _), (_, _, two, _) = receiver.got[:2]
        assert one["webhook-id"] == two["webhook-id"]

    def test_waits_grow_and_a_hanging_one_is_left_in_time(
        self, sinks: Sinks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
        sinks.write(1)
        receiver.status = 500
        waits = []
        for _ in range(6):
            before = now()
            sinks.deliver(sink)
            waits.append(sinks.standing(sink).sink.next_at - before)
        assert waits[0] < timedelta(seconds=30)
        assert waits[5] > timedelta(minutes=10)

    def test_gone_disables_and_a_person_can_resume(self, sinks: Sinks, receiver: Receiver) -> None:
        sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
        sinks.write(2)
        receiver.status = 410
        sinks.deliver(sink)
        assert sinks.standing(sink).condition == "disabled"
        assert not sinks.deliver(sink).was_due

        receiver.status = 200
        services.resume_sink(sinks.owner, CALL, sink.id)
        sinks.all_of(sink)
        assert receiver.records()[0] == sink.cursor

    def test_an_address_inside_is_refused_at_delivery(
        self, sinks: Sinks, receiver: Receiver, settings: Any
    ) -> None:
        sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
        sinks.write(1)
        settings.WEBHOOK_PRIVATE_HOSTS = []

        sinks.deliver(sink)

        assert receiver.got == []
        assert "may not go to" in sinks.standing(sink).sink.said


class TestSyslog:
    def test_each_record_is_a_message_of_the_rfc(self, sinks: Sinks, collector: Collector) -> None:
        where = {"host": "127.0.0.1", "port": collector.port, "transport": "tcp"}
        sink = sinks.make("syslog", where)
        sinks.write(2)
        sinks.write(1, outcome="deny_forbid")

        sinks.all_of(sink)

        end = time.monotonic() + 30
        count = sinks.standing(sink).sink.cursor - sink.cursor + 1
        while len(collector.frames) < count and time.monotonic() < end:
            time.sleep(0.05)
        records = [one for one in collector.frames if b" record " in one]
        assert len(records) == count - 1
        assert records[0].startswith(b"<110>1 20")
        assert b"<108>1 " in b"".join(records)
        assert b"\n" not in b"".join(collector.frames)
        head, _, line = records[0].partition(b"\xef\xbb\xbf")
        assert f'index="{json.loads(line)["index"]}"'.encode() in head

    def test_a_record_over_the_limit_is_cut_with_its_hash(
        self, sinks: Sinks, collector: Collector
    ) -> None:
        where = {"host": "127.0.0.1", "port": collector.port, "transport": "tcp"}
        sink = sinks.make("syslog", where)
        sinks.write(1, extra={"text": ["x" * 1_000] * 12})

        sinks.all_of(sink)

        end = time.monotonic() + 30
        while not any(b'"cut"' in one for one in collector.frames) and time.monotonic() < end:
            time.sleep(0.05)
        cut = next(one for one in collector.frames if b'"cut"' in one)
        line = json.loads(cut.partition(b"\xef\xbb\xbf")[2])
        assert line["cut"]["bytes"] > 8_192
        assert len(line["cut"]["sha256"]) == 64

    def test_over_udp_each_record_is_a_datagram(self, sinks: Sinks) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(30)
            where = {
                "host": "127.0.0.1", "port": listener.getsockname()[1], "transport": "udp",
            }  # fmt: skip
            sink = sinks.make("syslog", where, with_payload=True)
            sinks.write(2)

            sinks.all_of(sink)

            count = sinks.standing(sink).sink.cursor - sink.cursor + 1
            got = [listener.recv(65_535) for _ in range(count)]
        assert all(len(one) <= 1_700 for one in got)
        assert sum(b" record " in one for one in got) == count - 1

    def test_nobody_listening_is_a_failure_not_a_loss(
        self, sinks: Sinks, collector: Collector
    ) -> None:
        where = {"host": "127.0.0.1", "port": collector.port, "transport": "tcp"}
        sink = sinks.make("syslog", where)
        collector.close()
        sinks.write(1)

        assert not sinks.deliver(sink).is_taken
        assert sinks.standing(sink).behind > 0


class TestBucket:
    def test_a_stretch_is_an_object_named_by_it_and_so_is_the_checkpoint(
        self, sinks: Sinks, receiver: Receiver
    ) -> None:
        where = {
            "endpoint": receiver.url, "region": "eu-central-1", "bucket": "evidence",
            "prefix": "stateward", "access_key": "AKIDEXAMPLE",
        }  # fmt: skip
        sink = sinks.make("s3", where, secret="wJalrXUtnFEMI")
        sinks.write(2)

        sinks.deliver(sink)

        (method, name, headers, body), (_, note_name, _, note) = receiver.got
        stop = sinks.standing(sink).sink.cursor
        assert method == "PUT"
        folder = f"/evidence/stateward/{sinks.tenant.id}"
        assert name == f"{folder}/records/{sink.cursor:012d}-{stop:012d}.ndjson"
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert headers["x-amz-content-sha256"] == sha256(body).hexdigest()
        assert note_name == f"{folder}/checkpoints/{stop:012d}.txt"
        assert note.decode().splitlines()[1] == str(stop)


def test_what_the_database_no_longer_holds_is_said_in_its_place(
    sinks: Sinks, receiver: Receiver
) -> None:
    sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
    ids = sinks.write(3)
    with connect(autocommit=True) as session:
        session.execute("DELETE FROM stateward_audit_record WHERE id = %s", (ids[1],))
    sinks.all_of(sink)

    missing = [line for line in receiver.lines if line.get("missing")]
    assert len(missing) == 1
    assert receiver.records() == list(range(sink.cursor, sinks.standing(sink).sink.cursor))


def test_an_idle_log_still_brings_its_checkpoint(sinks: Sinks, receiver: Receiver) -> None:
    sinks.write(1)
    sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"})
    sinks.seal()
    sinks.all_of(sink)
    with tenant_scope(sinks.tenant.id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stateward_sink SET checkpoint_at = checkpoint_at - interval '2 hours'"
        )
    receiver.got.clear()

    sinks.deliver(sink)

    assert [list(line) for line in receiver.lines] == [["checkpoint", "size"]]


def test_a_tampered_log_is_not_hidden_by_the_copy(sinks: Sinks, receiver: Receiver) -> None:
    """A copy's leaves lead to the signed root that came with it."""
    sink = sinks.make("webhook", {"url": f"{receiver.url}/hook"}, since="beginning")
    sinks.write(4)
    sinks.all_of(sink)

    note = next(line for line in reversed(receiver.lines) if "checkpoint" in line)
    tree = Frontier()
    for line in receiver.lines:
        if "index" in line and line["index"] < note["size"]:
            tree.append(bytes.fromhex(line["leaf"]), {})
    assert encode64(tree.root()) == note["checkpoint"].splitlines()[2]
