"""Certificates: what was done for a person, signed with the key that seals the audit.

The text is a C2SP signed note, as a checkpoint is, under a name of its own: whoever has the
installation's public key verifies it without this product, and no certificate passes for a
checkpoint, whose first line is another. It names nobody: identifiers by kind and keyed hash, and
entries by one hash over their keyed hashes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
from django.db import connection

from governance.privacy.finding import BACKUPS, Backups
from governance.privacy.models import SubjectItem, SubjectRequest
from governance.retention.queries import database_time
from stateward.gate.audit.exceptions import SealingKeyUnusable
from stateward.gate.audit.notes import Signer, origin_of
from stateward.gate.audit.sealing_key import public_keys, sealing_key
from stateward.gate.audit.verify import Invalid, encode64, open_note
from stateward.kernel.clock import rfc3339
from stateward.kernel.governed import SUBJECT_STORES
from stateward.tenancy.scope import run_flow

HEADING = "Stateward certificate of a subject request, version 1"


def certify(request: SubjectRequest) -> str:
    """Sign the request's certificate and keep it; "" where nothing was ever sealed yet."""
    try:
        signer = run_flow(sealing_key())
    except SealingKeyUnusable:
        return ""
    text = signed(signer, f"{origin_of(request.tenant_id)}/subject-requests", statement(request))
    request.certificate = text
    request.save(update_fields=["certificate"])
    return text


def signed(signer: Signer, name: str, said: dict[str, Any]) -> str:
    body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
    text = f"{HEADING}\n{body}\n"
    key = signer.verifier(name)
    signature = encode64(key.hash + signer.private.sign(text.encode()))
    return f"{text}\n— {key.name} {signature}\n"


def read_certificate(request: SubjectRequest) -> dict[str, Any]:
    """What a request's certificate says; Invalid where it is not what was signed."""
    keys = run_flow(public_keys(f"{origin_of(request.tenant_id)}/subject-requests"))
    heading, _, body = open_note(request.certificate, keys).partition("\n")
    if heading != HEADING:
        raise Invalid("not a certificate of a subject request")
    said: dict[str, Any] = orjson.loads(body)
    return said


def statement(request: SubjectRequest) -> dict[str, Any]:
    """What the certificate says."""
    items = SubjectItem.objects.filter(tenant_id=request.tenant_id, request=request)
    gone = items.filter(state="erased")
    hashes = sorted(bytes(one) for one in gone.values_list("id_hash", flat=True))
    batches = gone.filter(batch_id__isnull=False).values_list("batch_id", flat=True).distinct()
    return {
        "tenant": str(request.tenant_id),
        "request": str(request.id),
        "kind": request.kind,
        "reference": request.reference,
        "state": request.state,
        "received_at": rfc3339(request.received_at),
        "issued_at": rfc3339(database_time()),
        "identifiers": [
            {"kind": one.kind, "keyed_hash": bytes(one.id_hash).hex()}
            for one in request.identifiers.order_by("id")
        ],
        "entries": {
            "found": request.found,
            "erased": request.erased,
            "restricted": request.restricted,
            "ids_sha256": sha256(b"".join(hashes)).hexdigest() if hashes else None,
            "proofs": sorted(str(one) for one in batches),
        },
        "waits_for": request.waits_for or None,
        "wait_until": rfc3339(request.wait_until) if request.wait_until else None,
        "stores": {store.label: store.fate for store in SUBJECT_STORES.values()},
        "backups": _backups(request),
    }


def _backups(request: SubjectRequest) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(BACKUPS, (request.tenant_id,))
        found = Backups(*cursor.fetchone())
    return {
        "archives": found.archives,
        "kept_until_removed": found.kept,
        "last_ends": rfc3339(found.end) if found.end else None,
        "restores": "leave out what was erased",
    }
