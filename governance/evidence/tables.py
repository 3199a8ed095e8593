"""Exactly the filtered records as a file: CSV for a spreadsheet, NDJSON as they are sealed.

Read page by page while they are sent, newest first, so that memory does not grow with their number
and nothing is counted beforehand. What proves them is the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal
from uuid import UUID

import orjson

from governance.evidence.queries import namespace_names
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.audit.queries import AuditRecord, Position, search_records
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.csvfile import csv_chunks

TableForm = Literal["csv", "ndjson"]
PAGE = 1_000
MOST = 1_000_000  # records of one file; more than that is for a sink
COLUMNS = (
    "time", "id", "action", "outcome", "reason", "actor_type", "actor_id", "actor", "resource",
    "resource_id", "namespace", "key", "classification", "version", "purpose", "source_address",
    "request_id", "run",
)  # fmt: skip


def table(wanted: RecordFilter, form: TableForm) -> Iterator[bytes]:
    """The file, in pieces."""
    found = islice(_records(wanted), MOST)
    if form == "csv":
        return csv_chunks(COLUMNS, (_row(record, names) for record, names in found))
    return (_line(record) for record, _ in found)


def _records(wanted: RecordFilter) -> Iterator[tuple[AuditRecord, dict[UUID, str]]]:
    before: Position | None = None
    while True:
        with tenant_scope(wanted.tenant_id):
            page, following = run_flow(search_records(wanted, before=before, limit=PAGE))
            names = namespace_names(wanted.tenant_id, (one.namespace_id for one in page))
        for record in page:
            yield record, names
        if following is None:
            return
        before = following


def _line(record: AuditRecord) -> bytes:
    payload = {name: text for name, text in record.payload.items() if name != "salts"}
    head = orjson.dumps({"id": record.id, "payload": payload})
    return head[:-1] + b',"record":' + record.record + b"}\n"


def _row(record: AuditRecord, names: dict[UUID, str]) -> list[object]:
    content = record.content
    namespace = names.get(record.namespace_id) if record.namespace_id else None
    return [
        record.at, record.id, record.action, record.outcome, content.get("reason"),
        record.actor_type, record.actor_id, record.actor_name, record.resource_type,
        record.resource_id, namespace, record.key, record.classification, content.get("version"),
        record.payload.get("purpose"), record.payload.get("source_address"), record.request_id,
        record.run,
    ]  # fmt: skip
