"""A table of records as a download; that it was taken is on record before the first byte."""

from __future__ import annotations

from typing import cast

from django.http import StreamingHttpResponse

from governance.evidence.acts import record_export
from governance.evidence.tables import TableForm, table
from stateward.gate.audit.filters import RecordFilter
from stateward.gate.policy.requests import Decision
from stateward.tenancy.actors import Actor, Call

KINDS = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


def table_response(
    actor: Actor, call: Call, decision: Decision, wanted: RecordFilter, form: str
) -> StreamingHttpResponse:
    """In the tenant's scope; the rows are read while they are sent, after it."""
    record_export(call, decision, {"filter": wanted.as_json(), "form": form})
    answer = StreamingHttpResponse(table(wanted, cast(TableForm, form)), content_type=KINDS[form])
    name = f"audit-{actor.tenant_slug}.{form}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
