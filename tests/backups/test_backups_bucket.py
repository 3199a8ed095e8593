"""The same archives in a bucket: against a server that speaks S3 over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from stateward.kernel.ids import uuid7
from stateward.operations.backups.connecting import address_of, connected
from stateward.operations.backups.exceptions import ArchiveRefused, StoreUnavailable
from stateward.operations.backups.reading import open_archive
from stateward.operations.backups.restoring import restore
from stateward.operations.backups.stores import locate, open_store
from stateward.operations.backups.writing import write_archive
from tests.backups.backup_world import filled_world, quiet

pytestmark = pytest.mark.usefixtures("database")

BUCKET = "archives"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(endpoint: str, settings: Any) -> Any:
    settings.BACKUP_S3_ENDPOINT = endpoint
    settings.BACKUP_S3_KEY = settings.BACKUP_S3_SECRET = "test"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    return client


def keys(client: Any, prefix: str = "") -> list[str]:
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [one["Key"] for one in found.get("Contents", [])]


def test_an_archive_goes_to_a_bucket_and_comes_back(client: Any) -> None:
    world = filled_world()
    store = open_store(f"s3://{BUCKET}/nightly")
    write_archive(store, "one", uuid7(), world.tenant.id, quiet)

    again, name = locate(f"s3://{BUCKET}/nightly/one")
    archive = open_archive(again, name)
    archive.check()
    with connected(address_of("default")) as ours:
        report = restore(ours, archive, f"r-{uuid7()}", quiet, by="a test")

    assert report.entries == 5
    assert "nightly/one/manifest.json" in keys(client, "nightly/one/")
    store.remove("one")
    assert keys(client, "nightly/one/") == []


def test_a_large_part_goes_up_in_pieces(client: Any) -> None:
    store = open_store(f"s3://{BUCKET}/large")
    writing = store.begin("one")
    piece = bytes(range(256)) * 4096  # one MiB
    with writing.part("a.part") as sink:
        for _ in range(18):
            sink.write(piece)
    writing.commit(b"{}")

    with store.open("one").part("a.part") as source:
        assert source.read(1 << 30) == piece * 18


def test_what_fails_half_way_leaves_nothing(client: Any) -> None:
    world = filled_world()
    store = open_store(f"s3://{BUCKET}/broken")

    def fail(done: int, total: int, stage: str) -> None:
        if stage == "entries":
            assert keys(client, "broken/one/")
            raise RuntimeError("the middle")

    with pytest.raises(RuntimeError, match="the middle"):
        write_archive(store, "one", uuid7(), world.tenant.id, fail)

    assert keys(client, "broken/one/") == []
    uploads = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert uploads == []


def test_a_part_that_fails_is_not_left_hanging(client: Any) -> None:
    store = open_store(f"s3://{BUCKET}/hanging")
    writing = store.begin("one")

    def fail_in_the_middle() -> None:
        with writing.part("a.part") as sink:
            sink.write(bytes(9 << 20))
            assert client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
            raise RuntimeError("the middle")

    with pytest.raises(RuntimeError, match="the middle"):
        fail_in_the_middle()

    assert client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_uploads_of_a_killed_worker_are_ended_by_the_next(client: Any) -> None:
    client.create_multipart_upload(Bucket=BUCKET, Key="killed/one/a.part")
    client.put_object(Bucket=BUCKET, Key="killed/one/b.part", Body=b"half")

    open_store(f"s3://{BUCKET}/killed").begin("one")

    assert client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
    assert keys(client, "killed/one/") == []


def test_a_changed_object_is_refused(client: Any) -> None:
    world = filled_world()
    store = open_store(f"s3://{BUCKET}")
    write_archive(store, "changed", uuid7(), world.tenant.id, quiet)
    client.put_object(Bucket=BUCKET, Key="changed/people.part", Body=b"x")

    with pytest.raises(ArchiveRefused, match=r"people\.part"):
        open_archive(store, "changed").check()

    client.delete_object(Bucket=BUCKET, Key="changed/keys.json")
    with pytest.raises(ArchiveRefused, match=r"keys\.json: it is missing"):
        open_archive(store, "changed").check()
    with pytest.raises(ArchiveRefused, match="no such archive"):
        open_archive(store, "never")


def test_a_bucket_that_is_not_there(client: Any, settings: Any) -> None:
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        open_archive(open_store("s3://no-such-bucket/x"), "one")

    settings.BACKUP_S3_ENDPOINT = "http://127.0.0.1:1"
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        open_store(f"s3://{BUCKET}").begin("one")
