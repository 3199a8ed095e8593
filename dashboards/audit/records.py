"""One record of the audit: what it says, what it rests on, and what is proven of it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from dashboards.audit.filters import Asked
from dashboards.requests import ConsoleRequest, Crumb, address, page
from dashboards.state.values import text_of
from governance.evidence.acts import permit_reading
from governance.evidence.queries import namespace_names
from stateward.gate.audit import verify
from stateward.gate.audit.exceptions import EvidenceBroken, NotSealedYet
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.proofs import InclusionProof, inclusion_proof
from stateward.gate.audit.queries import AuditRecord, find_record, search_records
from stateward.gate.audit.record import commitment
from stateward.gate.audit.sealing_key import public_keys
from stateward.tenancy.scope import run_flow, tenant_scope

NOUNS = {
    "state.write": "Write",
    "state.read_value": "Read",
    "state.read_meta": "Look at the facts",
    "state.decrypt_restricted": "Reveal",
    "state.delete": "Deletion",
    "state.purge": "Purge",
    "state.lease": "Lease",
    "state.break_lease": "End of another's lease",
    "state.propose": "Proposal",
    "state.vote": "Vote",
}
AROUND = timedelta(hours=6)
STEPS = 8
NEAR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Row:
    """A record in the table."""

    record: AuditRecord
    resource: str
    url: str
    repeats: int | None  # how many identical denials this record counts


@dataclass(frozen=True, slots=True)
class Fit:
    """A personal value beside the record, and whether it is the one that was sealed."""

    name: str
    value: str | None
    fits: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proven: the proof with the key that signed; or why there is none."""

    inclusion: InclusionProof | None = None
    signed_by: str = ""
    path: list[str] = field(default_factory=list)
    leaf: str = ""
    root: str = ""
    waits: str = ""
    broken: str = ""


def rows_of(records: list[AuditRecord], names: Mapping[UUID, str], wanted: Asked) -> list[Row]:
    """Rows with the addresses that open them beside the table."""
    return [
        Row(
            record,
            resource_name(record, names),
            wanted.url(record=str(record.id)),
            _repeats(record),
        )
        for record in records
    ]


def resource_name(record: AuditRecord, names: Mapping[UUID, str]) -> str:
    """What was touched, by the name people know: namespace and key, else kind and id."""
    if record.namespace_id is not None:
        name = names.get(record.namespace_id, str(record.namespace_id))
        return f"{name} / {record.key}" if record.key else name
    if record.resource_id == str(record.actor_id):
        return f"{record.resource_type} {record.actor_name}"
    details = record.content.get("details") or {}
    named = details.get("name") if isinstance(details, dict) else None
    return f"{record.resource_type} {named or record.resource_id}".strip()


def drawer(request: ConsoleRequest, record_id: UUID, names: dict[UUID, str]) -> dict[str, Any]:
    """All that the record's page shows. Within the tenant's scope."""
    tenant_id = request.tenant.tenant_id
    record = run_flow(find_record(tenant_id, record_id))
    if record.namespace_id is not None and record.namespace_id not in names:
        names |= namespace_names(tenant_id, [record.namespace_id])
    content = record.content
    return {
        "record": record,
        "content": content,
        "decision": content.get("decision") or {},
        "details": content.get("details") or {},
        "sealed_actor": content.get("actor") or {},
        "namespace": names.get(record.namespace_id) if record.namespace_id else None,
        "title": _title(record, names),
        "resource": resource_name(record, names),
        "fits": _fits(record, content),
        "steps": _steps(record, names),
        "related": _related(record, names),
        "proof": _proof(tenant_id, record_id),
        "exact": record.record.decode("utf-8", "replace"),
        "pretty": text_of(content),
    }


@page
def record(request: ConsoleRequest, record_id: UUID) -> HttpResponse:
    """The record by itself: the address to give to somebody else."""
    with tenant_scope(request.tenant.tenant_id):
        permit_reading(request.actor, request.call)
        shown = drawer(request, record_id, {})
    crumbs = [Crumb("Audit", address(request, "audit")), Crumb(f"Record {str(record_id)[:8]}…")]
    return render(request, "audit/record.html", {"shown": shown, "crumbs": crumbs, "alone": True})


def _title(found: AuditRecord, names: Mapping[UUID, str]) -> str:
    what = NOUNS.get(found.action)
    if what is None:
        what, about = found.action, resource_name(found, names)
    else:
        about = found.key or resource_name(found, names)
    verb = "was allowed" if found.outcome == "allow" else "was denied"
    return f"{what} of {about} {verb}" if about else f"{what} {verb}"


def _repeats(found: AuditRecord) -> int | None:
    details = found.content.get("details")
    times = details.get("count") if isinstance(details, dict) else None
    return times if isinstance(times, int) and times > 1 else None


def _fits(found: AuditRecord, content: dict[str, Any]) -> list[Fit]:
    """Each personal value, tested against the salted commitment in the sealed record."""
    sealed = content.get("personal") or {}
    salts = found.payload.get("salts") or {}
    fits = []
    for name, committed in sealed.items():
        value, salt = found.payload.get(name), salts.get(name)
        if not isinstance(value, str) or not isinstance(salt, str):
            fits.append(Fit(name, None, fits=False))
            continue
        again = commitment(bytes.fromhex(salt), value)
        fits.append(Fit(name, value, fits=hmac.compare_digest(again, str(committed))))
    return fits


def _steps(found: AuditRecord, names: dict[UUID, str]) -> list[dict[str, Any]]:
    """What the same run, or else the same request, did around this moment, in order."""
    name = "run" if found.run else "request_id"
    if not getattr(found, name):
        return []
    tenant_id = UUID(str(found.content.get("tenant_id") or "")) if found.content else None
    if tenant_id is None:
        return []
    near = RecordFilter(tenant_id, since=found.at - AROUND, until=found.at + AROUND)
    records, _ = run_flow(
        search_records(replace(near, **{name: getattr(found, name)}), limit=STEPS)
    )
    if len(records) < 2:
        return []
    names |= namespace_names(tenant_id, {one.namespace_id for one in records})
    return [
        {"record": one, "resource": resource_name(one, names), "is_this": one.id == found.id}
        for one in reversed(records)
    ]


def _related(found: AuditRecord, names: Mapping[UUID, str]) -> list[tuple[str, str]]:
    """What else to look at, each as the query of the explorer that shows it."""
    around = {
        "from": (found.at - NEAR).isoformat(timespec="seconds"),
        "until": (found.at + NEAR).isoformat(timespec="seconds"),
    }
    month = {"range": "30d"}
    links = [
        ("This request", month | {"request_id": found.request_id}),
        ("The same actor around then", around | {"actor": str(found.actor_id)}),
    ]
    if found.run:
        links.insert(1, ("This run", month | {"run": found.run}))
    name = names.get(found.namespace_id) if found.namespace_id else None
    if name and found.key:
        links.append(("This entry", month | {"namespace": name, "key": found.key}))
    if name:
        links.append(("This namespace around then", around | {"namespace": name}))
    if purpose := found.payload.get("purpose"):
        links.append(("The same purpose", month | {"purpose": str(purpose)}))
    if found.outcome != "allow":
        links.append(("Denials around then", around | {"outcome": "deny"}))
    return [(title, urlencode(query)) for title, query in links]


def _proof(tenant_id: UUID, record_id: UUID) -> Proof:
    """The proof of inclusion, computed and checked now, and the signature over its root."""
    try:
        inclusion = run_flow(inclusion_proof(tenant_id, record_id))
    except NotSealedYet as waits:
        return Proof(waits=waits.detail)
    except EvidenceBroken as broken:
        return Proof(broken=broken.detail)
    keys = run_flow(public_keys(origin_of(tenant_id)))
    try:
        verify.open_checkpoint(inclusion.checkpoint.note, keys)
    except verify.Invalid as problem:
        return Proof(broken=f"The checkpoint's signature does not hold: {problem}.")
    return Proof(
        inclusion,
        signed_by=_signer(inclusion.checkpoint.note, keys),
        path=[one.hex() for one in inclusion.path],
        leaf=inclusion.leaf.hex(),
        root=inclusion.checkpoint.root.hex(),
    )


def _signer(note: str, keys: list[verify.Key]) -> str:
    """The short name of the key whose signature the note bears."""
    for key in keys:
        try:
            verify.open_checkpoint(note, [key])
        except verify.Invalid:
            continue
        return key.hash.hex()
    return ""
