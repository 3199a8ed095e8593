"""The sweep of entries past their time: each gets an ``expire`` revision, through the same
statement as any write. What a hold keeps is left as it is: hidden from readers, and there.
"""

from __future__ import annotations

from uuid import UUID

from stateward.gate.audit.record import compose
from stateward.kernel.flow import Flow, Row, Statement
from stateward.kernel.ids import uuid7
from stateward.state.configuration import TenantConfiguration, load_configuration
from stateward.state.exceptions import NoSuchTenant
from stateward.state.services.clocks import check_clock
from stateward.state.statements import DUE, Write, write_item, written
from stateward.state.usage import USAGE
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow, tenant_scope

NAMESPACES = "SELECT id, name FROM stateward_namespace WHERE tenant_id = %s"


def expire_due(tenant_id: UUID, limit: int) -> int:
    """Take away up to ``limit`` values whose time is over, by the database's clock; how many it
    were. ClockJumped (503) where that clock cannot be trusted.

    An entry that was written anew meanwhile, or that someone else holds, is left for the next
    sweep.
    """
    try:
        with tenant_scope(tenant_id):
            return run_flow(_expire(tenant_id, limit))
    except NoSuchTenant:  # deleted since the list of tenants was read
        return 0


def _expire(tenant_id: UUID, limit: int) -> Flow[int]:
    yield from check_clock()
    actor = Actor("system", PLATFORM, "expiry sweep", tenant_id, "", (), auth_method="system")
    call = Call(request_id=str(uuid7()))
    configuration = yield from load_configuration(tenant_id, max_age=0)
    epochs = (configuration.epochs.epoch, configuration.epochs.platform)
    expired = 0
    for _, namespace_id, _, classification, key, _ in (yield from _due(configuration, limit)):
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
        if written((yield Write(tenant_id, epochs, item))).verdict == "done":
            expired += 1
            USAGE.note(tenant_id, namespace_id, entries=-1)
    return expired


def _due(configuration: TenantConfiguration, limit: int) -> Flow[list[Row]]:
    """Up to ``limit`` rows past their time that no hold keeps. Held ones are passed over, so that
    they keep nothing behind them from its end.
    """
    holds = configuration.holds
    held: list[UUID] = []
    if holds.all:
        rows = yield Statement(NAMESPACES, (configuration.tenant_id,))
        held = [row[0] for row in rows if holds.on_namespace(row[1]).whole]
    place = {"after": None, "namespace": None, "key": ""}
    free: list[Row] = []
    while len(free) < limit:
        rows = yield Statement(
            DUE, {"tenant": configuration.tenant_id, "held": held, "limit": limit, **place}
        )
        free += [row for row in rows if not holds.on_namespace(row[2]).keeps(row[4], (row[5],))]
        if len(rows) < limit:
            break
        place = {"after": rows[-1][0], "namespace": rows[-1][1], "key": rows[-1][4]}
    return free[:limit]
