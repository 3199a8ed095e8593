"""The sweep of entries past their time: each gets an ``expire`` revision, through the same
statement as any write.
"""

from __future__ import annotations

from uuid import UUID

from stateward.gate.audit.record import compose
from stateward.kernel.flow import Flow, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import load_configuration
from stateward.state.exceptions import NoSuchTenant
from stateward.state.statements import DUE, Write, write_item, written
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow, tenant_scope


def expire_due(tenant_id: UUID, limit: int) -> int:
    """Take away up to ``limit`` values whose time is over, by the database's clock; how many it
    were.

    An entry that was written anew meanwhile, or that someone else holds, is left for the next
    sweep.
    """
    try:
        with tenant_scope(tenant_id):
            return run_flow(_expire(tenant_id, limit))
    except NoSuchTenant:  # deleted since the list of tenants was read
        return 0


def _expire(tenant_id: UUID, limit: int) -> Flow[int]:
    actor = Actor("system", PLATFORM, "expiry sweep", tenant_id, "", (), auth_method="system")
    call = Call(request_id=str(uuid7()))
    configuration = yield from load_configuration(tenant_id, max_age=0)
    epochs = (configuration.epochs.epoch, configuration.epochs.platform)
    rows = yield Statement(DUE, (tenant_id, limit))
    expired = 0
    for namespace_id, classification, key in rows:
        draft = compose(
            actor=actor,
            call=call,
            action="state.expire",
            resource_type="entry",
            resource_id=str(namespace_id),
            reason="The entry's time to live is over.",
            namespace_id=namespace_id,
            classification=classification,
            personal={"key": key},
            extra={"operation": "expire", "size_bytes": 0},
        )
        item = write_item(
            namespace_id=namespace_id,
            key=key,
            operation="expire",
            write_id=uuid7(),
            draft=draft,
            value=None,
            value_hash=None,
            size_bytes=0,
            decided_labels=None,
            decided_absent=True,
        )
        expired += written((yield Write(tenant_id, epochs, item))).verdict == "done"
    return expired
