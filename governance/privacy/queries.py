"""Reads of subject requests. In the tenant's scope; whoever calls has decided."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from governance.privacy.index import position_of
from governance.privacy.models import SubjectDeclaration, SubjectEvent, SubjectRequest
from stateward.tenancy.scope import run_flow

SAMPLE = """
WITH sample AS (SELECT FROM stateward_subject_entry WHERE tenant_id = %s LIMIT 100000)
SELECT count(*) FROM sample
"""


class IndexState(NamedTuple):
    """Up to when the index is complete (None: being built), and how much is in it."""

    complete_to: datetime | None
    entries: int  # pairs of a person's identifier and an entry, at most 100,000


def requests_of(tenant_id: UUID) -> QuerySet[SubjectRequest, SubjectRequest]:
    rows = SubjectRequest.objects.filter(tenant_id=tenant_id)
    return rows.select_related("assignee__person").prefetch_related("identifiers")


def history_of(request: SubjectRequest) -> QuerySet[SubjectEvent, SubjectEvent]:
    return SubjectEvent.objects.filter(tenant_id=request.tenant_id, request=request)


def declarations_of(tenant_id: UUID) -> QuerySet[SubjectDeclaration, SubjectDeclaration]:
    return SubjectDeclaration.objects.filter(tenant_id=tenant_id)


def index_state(tenant_id: UUID) -> IndexState:
    return IndexState(run_flow(position_of(tenant_id)), _sampled(tenant_id))


def _sampled(tenant_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(SAMPLE, (tenant_id,))
        return int(cursor.fetchone()[0])
