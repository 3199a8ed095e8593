"""A bucket of S3, or of anything that speaks it: one object a batch, one a checkpoint.

The object's name is its stretch of the log, so that a repeat writes the same object again. The
request is signed here and sent by the guarded client, because the usual client would look the
endpoint's name up again and go wherever that leads by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings

from governance.sinks.batch import Batch, Sent
from stateward.web.outgoing import AddressRefused, Bounds, VettedTransport

SECONDS = 20.0
SHOWN = 300  # characters of an answer


def carry(where: Mapping[str, Any], secret: bytes, batch: Batch) -> Sent:
    objects = []
    if batch.lines:
        name = f"{batch.start:012d}-{batch.stop:012d}.{batch.suffix}"
        objects.append((f"records/{name}", batch.body, batch.content_type))
    if batch.checkpoint is not None:
        name = f"checkpoints/{batch.checkpoint_size:012d}.txt"
        objects.append((name, batch.checkpoint.encode(), "text/plain; charset=utf-8"))
    for name, body, kind in objects or [("test.txt", batch.body, "text/plain; charset=utf-8")]:
        sent = _put(where, secret.decode(), f"{batch.tenant_id}/{name}", body, kind)
        if not sent.is_taken:
            return sent
    return Sent(True, f"{len(objects) or 1} objects written.")


def _put(where: Mapping[str, Any], secret: str, name: str, body: bytes, kind: str) -> Sent:
    path = "/".join(filter(None, (where["bucket"], where.get("prefix", "").strip("/"), name)))
    url = f"{where['endpoint'].rstrip('/')}/{quote(path)}"
    headers = _signed(where, secret, url, body, kind)
    transport = VettedTransport(
        listed=settings.WEBHOOK_PRIVATE_HOSTS, bounds=Bounds(64 * 1024, SECONDS)
    )
    try:
        with httpx.Client(transport=transport, timeout=SECONDS, trust_env=False) as client:
            answer = client.put(url, content=body, headers=headers)
    except AddressRefused as refused:
        return Sent(False, f"Not sent: {refused}.")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Sent(False, f"The bucket did not answer ({type(error).__name__}).")
    if answer.status_code == 200:
        return Sent(True, "Written.")
    said = f"The bucket answered {answer.status_code}."
    return Sent(False, said, answer.text[:SHOWN].replace("\x00", "\ufffd"))


def _signed(
    where: Mapping[str, Any], secret: str, url: str, body: bytes, kind: str
) -> dict[str, str]:
    # botocore is slow to import, and most installations have no such sink.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    asked = AWSRequest("PUT", url, headers={"Content-Type": kind}, data=body)
    asked.context["payload_signing_enabled"] = True
    asked.headers["X-Amz-Content-SHA256"] = sha256(body).hexdigest()
    credentials = Credentials(where["access_key"], secret)
    S3SigV4Auth(credentials, "s3", where["region"]).add_auth(asked)
    return {str(name): str(value) for name, value in asked.headers.items()}
