"""The rows of a new run. They are its outbox: what is in them is carried out, whatever the broker
forgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from stateward.kernel.flow import Statement
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor
from stateward.tenancy.scope import execute, tenant_scope

INSERT = """
WITH run AS (
    INSERT INTO stateward_job_run
        (id, tenant_id, name, slot, params, actor_type, actor_id, retry_of)
    VALUES (%s, %s, %s, %s, %s::jsonb, %s, %s, %s)
    RETURNING id, tenant_id, name)
INSERT INTO stateward_job_open (run_id, tenant_id, name) SELECT id, tenant_id, name FROM run
"""


def insert(
    name: str,
    tenant_id: UUID | None,
    *,
    params: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
    slot: datetime | None = None,
    retry_of: UUID | None = None,
) -> UUID:
    """Queue a run, within its ``scope_of``."""
    run_id = uuid7()
    who = (actor.type, actor.id) if actor else ("system", None)
    written = orjson.dumps(dict(params or {}), default=str).decode()
    parameters = (run_id, tenant_id, name, slot, written, *who, retry_of)
    execute(Statement(INSERT, parameters))
    return run_id


def scope_of(tenant_id: UUID | None) -> AbstractContextManager[None]:
    """A transaction that shows the rows of the tenant's runs, or the platform's alone."""
    return tenant_scope(tenant_id) if tenant_id else transaction.atomic()
