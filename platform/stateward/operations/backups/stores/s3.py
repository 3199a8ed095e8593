"""Archives in a bucket of S3, or of anything that speaks it.

A part goes up in pieces while it is made, so nothing is kept on this machine. The manifest goes up
last: objects without one are no archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from stateward.operations.backups.chunks import Source
from stateward.operations.backups.exceptions import ArchiveRefused, StoreUnavailable
from stateward.operations.backups.manifest import MANIFEST

PIECE_BYTES = 8 << 20  # S3 takes no smaller pieces but the last
DELETED_AT_ONCE = 1000


class BucketStore:
    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def at(cls, address: str) -> BucketStore:
        url = urlsplit(address)
        client = boto3.client(
            "s3",
            endpoint_url=settings.BACKUP_S3_ENDPOINT or None,
            region_name=settings.BACKUP_S3_REGION,
            aws_access_key_id=settings.BACKUP_S3_KEY or None,
            aws_secret_access_key=settings.BACKUP_S3_SECRET or None,
            config=Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 3}),
        )
        return cls(client, url.netloc, url.path.strip("/"))

    @property
    def address(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def where(self, name: str) -> str:
        return f"{self.address}/{name}"

    def begin(self, name: str) -> BucketWriting:
        self.remove(name)
        return BucketWriting(self, name)

    def open(self, name: str) -> BucketArchive:
        return BucketArchive(self, name)

    def remove(self, name: str) -> None:
        with _said():
            # The manifest first: what is left if this ends half-way is no archive.
            self._client.delete_object(Bucket=self._bucket, Key=self.key(name, MANIFEST))
            keys = [self.key(name, found) for found in self.files(name)]
            for at in range(0, len(keys), DELETED_AT_ONCE):
                some = [{"Key": key} for key in keys[at : at + DELETED_AT_ONCE]]
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": some})
            self._abort_uploads(name)

    def files(self, name: str) -> list[str]:
        prefix = self.key(name, "")
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        return [one["Key"][len(prefix) :] for page in pages for one in page.get("Contents", [])]

    def key(self, name: str, part: str) -> str:
        return "/".join((*filter(None, (self._prefix, name)), part))

    def read(self, name: str, part: str) -> Any:
        return self._client.get_object(Bucket=self._bucket, Key=self.key(name, part))["Body"]

    def upload(self, name: str, part: str) -> Upload:
        return Upload(self._client, self._bucket, self.key(name, part))

    def _abort_uploads(self, name: str) -> None:
        found = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self.key(name, ""))
        for one in found.get("Uploads", []):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=one["Key"], UploadId=one["UploadId"]
            )


class BucketWriting:
    def __init__(self, store: BucketStore, name: str) -> None:
        self._store = store
        self._name = name

    @contextmanager
    def part(self, name: str) -> Iterator[Upload]:
        upload = self._store.upload(self._name, name)
        with _said():
            try:
                yield upload
                upload.finish()
            except BaseException:
                upload.abort()
                raise

    def commit(self, manifest: bytes) -> None:
        with self.part(MANIFEST) as upload:
            upload.write(manifest)

    def abort(self) -> None:
        self._store.remove(self._name)


class BucketArchive:
    def __init__(self, store: BucketStore, name: str) -> None:
        self._store = store
        self._name = name

    def files(self) -> set[str]:
        with _said():
            found = set(self._store.files(self._name))
        if not found:
            raise ArchiveRefused(self._name, "there is no such archive")
        return found

    @contextmanager
    def part(self, name: str) -> Iterator[Source]:
        with _said():
            try:
                body = self._store.read(self._name, name)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
                    raise ArchiveRefused(name, "it is missing") from None
                raise
            try:
                yield body
            finally:
                body.close()


class Upload:
    """One object, sent in pieces once it is longer than one."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": key}
        self._waiting = bytearray()
        self._id: str | None = None
        self._sent: list[dict[str, Any]] = []

    def write(self, data: bytes, /) -> None:
        self._waiting += data
        if len(self._waiting) >= PIECE_BYTES:
            self._send()

    def finish(self) -> None:
        if self._id is None:
            self._client.put_object(**self._where, Body=bytes(self._waiting))
            return
        if self._waiting:
            self._send()
        self._client.complete_multipart_upload(
            **self._where, UploadId=self._id, MultipartUpload={"Parts": self._sent}
        )

    def abort(self) -> None:
        if self._id is not None:
            self._client.abort_multipart_upload(**self._where, UploadId=self._id)

    def _send(self) -> None:
        if self._id is None:
            self._id = self._client.create_multipart_upload(**self._where)["UploadId"]
        number = len(self._sent) + 1
        answer = self._client.upload_part(
            **self._where, UploadId=self._id, PartNumber=number, Body=bytes(self._waiting)
        )
        self._sent.append({"ETag": answer["ETag"], "PartNumber": number})
        self._waiting.clear()


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        kind = type(error).__name__
        if isinstance(error, ClientError):
            kind = str(error.response.get("Error", {}).get("Code", kind))
        raise StoreUnavailable(f"The bucket of backups cannot be used: {kind}.") from error
