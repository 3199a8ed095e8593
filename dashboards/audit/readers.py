"""The auditor's question on one screen: who read this, why were they allowed, is the log whole?
And its counterpart: what had a run read before it wrote that?
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards import figures
from dashboards.audit.records import resource_name
from dashboards.evidence import evidence
from dashboards.permissions import may
from dashboards.ranges import NAMED, Range, read_range
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.evidence.acts import permit_reading
from governance.evidence.lineage import began_at, lineage_of, version_read
from governance.evidence.queries import namespace_ids_of, namespace_names
from governance.evidence.readers import READS, Reader, Readers, readers_of
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.queries import AuditRecord
from stateward.gate.audit.sealing_key import public_keys
from stateward.kernel.clock import now
from stateward.tenancy.scope import run_flow, tenant_scope

USUAL = "30d"
MOST_TEXT = 1024
SHOWN = 12  # reads of one principal that are listed; the audit has the others


@page
def readers(request: ConsoleRequest) -> HttpResponse:
    """Who read the entry that the address names."""
    tenant_id = request.tenant.tenant_id
    asked = {name: _text(request, name) for name in ("namespace", "key", "pointer")}
    chosen = read_range(request.GET, now() + timedelta(seconds=1), USUAL)
    context: dict[str, Any] = {"asked": asked, "crumbs": _crumbs(request, "Who read this")}
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        context["may_export"] = may(request, "audit.export", "audit_log").allowed
        if asked["namespace"] and asked["key"]:
            ids = namespace_ids_of(tenant_id, asked["namespace"])
            span = {"since": chosen.since, "until": chosen.until}
            found = run_flow(readers_of(tenant_id, ids, asked["key"], **span))
            context |= _answer(found, asked, chosen)
            context["standing"] = run_flow(evidence(tenant_id))
            keys = run_flow(public_keys(origin_of(tenant_id)))
            context["keys"] = [key.hash.hex() for key in keys]
    return render(request, "audit/readers.html", context)


@page
def lineage(request: ConsoleRequest, record_id: UUID) -> HttpResponse:
    """What the run of a write had read and written before it."""
    tenant_id = request.tenant.tenant_id
    with tenant_scope(tenant_id):
        permit_reading(request.actor, request.call)
        found = run_flow(lineage_of(tenant_id, record_id))
        records = [found.written, *found.reads, *found.writes]
        names = namespace_names(tenant_id, {one.namespace_id for one in records})
    steps = sorted(
        [
            *(_step(one, names, "read") for one in found.reads),
            *(_step(one, names, "wrote") for one in found.writes),
        ],
        key=lambda one: (one["record"].at, one["record"].id),
    )
    context = {
        "found": found,
        "written": _step(found.written, names, "wrote"),
        "steps": steps,
        "reads": len(found.reads),
        "began": began_at(found),
        "crumbs": _crumbs(request, "What it had read"),
    }
    return render(request, "audit/lineage.html", context)


def _step(record: AuditRecord, names: dict[UUID, str], did: str) -> dict[str, Any]:
    version = record.content.get("version") or version_read(record)
    return {
        "record": record,
        "did": did,
        "resource": resource_name(record, names),
        "namespace": names.get(record.namespace_id) if record.namespace_id else None,
        "version": version,
    }


def _answer(found: Readers, asked: dict[str, str], chosen: Range) -> dict[str, Any]:
    kept = {name: value for name, value in asked.items() if value}
    return {
        "found": found,
        "said": _said(found, asked, chosen),
        "readers": [_row(one, found) for one in found.readers],
        "refused": [_row(one, found) for one in found.refused],
        "whole": _whole(found),
        "range": chosen,
        "ranges": [
            {"value": name, "label": label, "url": f"?{urlencode(kept | {'range': name})}"}
            for name, (label, _, _) in NAMED.items()
        ],
        "exported": {
            "namespace": asked["namespace"],
            "key": asked["key"],
            "action": ",".join(READS),
            "from": chosen.since.isoformat(),
            "until": chosen.until.isoformat(),
        },
    }


def _row(reader: Reader, found: Readers) -> dict[str, Any]:
    return {
        "reader": reader,
        "why": reader.why,
        "reads": [
            {"read": one, "place": found.proven.places.get(one.record.id)}
            for one in reader.reads[:SHOWN]
        ],
        "more": max(len(reader.reads) - SHOWN, 0),
    }


def _whole(found: Readers) -> dict[str, Any]:
    """What can be said of the log, in a word and a sentence."""
    proven, checkpoint = found.proven, found.proven.checkpoint
    if proven.broken:
        what = "1 of these records is" if len(proven.broken) == 1 else "Some of these records are"
        return {"tone": "bad", "word": "No", "says": f"{what} not what was sealed."}
    if checkpoint is None:
        return {"tone": "warn", "word": "Not yet", "says": "Nothing has been sealed yet."}
    total = len(proven.places)
    under = f"under a signature over {figures.whole(checkpoint.size)} records"
    if proven.waiting:
        says = f"{len(proven.waiting)} wait for the next seal; {total} are proven {under}."
        return {"tone": "warn", "word": "Almost", "says": says}
    if not total:
        return {
            "tone": "ok",
            "word": "Yes",
            "says": f"There is nothing to prove; the log is {under}.",
        }
    noun = "The 1 record here is" if total == 1 else f"All {figures.whole(total)} records here are"
    says = f"{noun} {under}; each was walked to the signed root for this page."
    return {"tone": "ok", "word": "Yes", "says": says}


def _said(found: Readers, asked: dict[str, str], chosen: Range) -> str:
    where = f"in {chosen.says}" if chosen.name else f"from {chosen.says}"
    what = asked["pointer"] or "it"
    count = len(found.readers)
    if not count:
        told = f"Nobody is on record to have read {what} {where}"
    else:
        noun = "1 principal" if count == 1 else f"{count} principals"
        times = "once" if found.reads == 1 else f"{figures.whole(found.reads)} times"
        told = f"{noun} read {what} {times} {where}"
    refused = sum(len(one.reads) for one in found.refused)
    return f"{told}; {figures.whole(refused)} refused." if refused else f"{told}; none was refused."


def _crumbs(request: ConsoleRequest, title: str) -> list[Crumb]:
    return [Crumb("Audit", address(request, "audit")), Crumb(title)]


def _text(request: ConsoleRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:MOST_TEXT]
