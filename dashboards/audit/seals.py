"""Seals: the signed checkpoints over all records, and what proves them without us."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from dashboards import figures
from dashboards.audit.filters import asked
from dashboards.evidence import Evidence, evidence
from dashboards.requests import ConsoleRequest, Crumb, page
from governance.evidence.acts import permit_export, permit_reading, record_export
from stateward.gate.audit import verify
from stateward.gate.audit.bundle import write_bundle
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.proofs import inclusion_proof, latest_checkpoint, list_checkpoints
from stateward.gate.audit.sealing_key import public_keys
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

ROWS = 50
IN_MEMORY = 4 * 1024 * 1024  # bytes of a bundle; past it, a temporary file
CHUNK = 64 * 1024
TEXT = "text/plain; charset=utf-8"


@page
def seals(request: ConsoleRequest) -> HttpResponse:
    """Every checkpoint that was signed, the keys that sign, and how to check both offline."""
    tenant_id = request.tenant.tenant_id
    cursor = request.GET.get("cursor", "")
    below = _size(cursor)
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        standing = run_flow(evidence(tenant_id))
        found = run_flow(list_checkpoints(tenant_id, below=below, limit=ROWS + 1))
        newest = found[0] if found and below is None else None
        if below is not None:
            newest = run_flow(latest_checkpoint(tenant_id))
        keys = run_flow(public_keys(origin_of(tenant_id)))
    grown = [
        {"checkpoint": one, "added": one.size - older.size if older else one.size}
        for one, older in zip(found[:ROWS], [*found[1 : ROWS + 1], None], strict=False)
    ]
    context = {
        "standing": standing,
        "said": _said(standing),
        "rows": grown,
        "newest": newest,
        "keys": [{"text": str(key), "hash": key.hash.hex()} for key in keys],
        "next_cursor": encode_cursor([found[ROWS - 1].size]) if len(found) > ROWS else None,
        "cursor": cursor,
        "crumbs": [Crumb("Seals")],
    }
    return render(request, "audit/seals.html", context)


@page
def verifier(request: ConsoleRequest) -> HttpResponse:
    """The offline verifier: one file of standard-library Python."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
    code = Path(verify.__file__).read_bytes()
    return _file(code, "verify.py", "text/x-python; charset=utf-8")


@page
def public_key_file(request: ConsoleRequest) -> HttpResponse:
    """The public keys, as ``verify.py --key`` takes them."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        keys = run_flow(public_keys(origin_of(request.tenant.tenant_id)))
    text = "".join(f"{key}\n" for key in keys)
    return _file(text.encode(), f"audit-{request.tenant.tenant_slug}.keys", TEXT)


@page
def checkpoint(request: ConsoleRequest) -> HttpResponse:
    """The newest signed note: what to keep elsewhere."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        newest = run_flow(latest_checkpoint(request.tenant.tenant_id))
    return _file(newest.note.encode(), f"checkpoint-{newest.size}.txt", TEXT)


@page
def proof(request: ConsoleRequest, record_id: UUID) -> HttpResponse:
    """The proof that a record is in the tree, as a C2SP tlog-proof."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        found = run_flow(inclusion_proof(request.tenant.tenant_id, record_id))
    return _file(found.as_text().encode(), f"{record_id}.proof", TEXT)


@require_POST
@page
def export(request: ConsoleRequest) -> HttpResponseBase:
    """Exactly the filtered records with all that proves them. The export itself is on record."""
    body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # the answer closes it
    with tenant_scope(request.tenant.tenant_id):
        decision = permit_export(request.actor, request.call)
        wanted = _wanted(request)
        manifest = run_flow(write_bundle(wanted, cast(BinaryIO, body)))
        details = {"filter": wanted.as_json(), "bytes": len(manifest.encode()) + body.tell()}
        record_export(request.call, decision, details)
    body.seek(0)
    answer = StreamingHttpResponse(_stream(manifest, body), content_type=TEXT)
    name = f"audit-{request.tenant.tenant_slug}.bundle"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _wanted(request: ConsoleRequest) -> RecordFilter:
    """What the page filtered by; ``all=1`` asks for the whole log, which alone proves that nothing
    was left out.
    """
    if request.POST.get("all") == "1":
        return RecordFilter(request.tenant.tenant_id)
    return asked(request).filter


def _stream(manifest: str, body: IO[bytes]) -> Iterator[bytes]:
    with body:
        yield manifest.encode()
        while piece := body.read(CHUNK):
            yield piece


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _size(cursor: str) -> int | None:
    if not cursor:
        return None
    place = decode_cursor(cursor, length=1)[0]
    return place if isinstance(place, int) else None


def _said(standing: Evidence) -> str:
    if standing.alarm:
        return f"Sealing is held since a contradiction was found: {standing.alarm}"
    if standing.age is None:
        return "Nothing has been sealed yet; the sealer signs the first checkpoint when it runs."
    noun = "record is" if standing.size == 1 else "records are"
    late = " That is late." if standing.tone == "late" else ""
    return (
        f"{figures.whole(standing.size)} {noun} under a signature made"
        f" {figures.span(standing.age)} ago.{late}"
    )
