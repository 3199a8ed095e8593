"""One root key takes the place of another: what is wrapped under it is wrapped anew, and no more.

Every process is given both keys first, the new one in its place and the former one along. Then this
runs once, tenant by tenant; a read or write finds whichever key it needs at any moment. Killed
anywhere, it is run again and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from stateward.gate.audit.notes import Signer
from stateward.gate.audit.sealing_key import unwrap, wrap
from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.gate.keys.root import PROBE, check_root_key, root_key, root_keys
from stateward.gate.keys.tenant_keys import rewrap_tenant_keys
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.scope import run_flow, tenant_scope

TURN = "SELECT stateward_turn_root_key(%s, %s, %s)"
RETIRE = "SELECT stateward_retire_root_key(%s)"
UNDER = """
SELECT count(*) FROM stateward_tenant_key
WHERE tenant_id = %s AND root_key = %s AND state IN ('active', 'decrypt_only')
"""
SEALING = "SELECT id, wrapped FROM stateward_audit_key"
REWRAP = "SELECT stateward_rewrap_sealing_key(%s, %s, %s)"


@dataclass(frozen=True, slots=True)
class RootTurned:
    """What a rotation of the root key came to."""

    former: str
    present: str
    tenants: int
    tenant_keys: int
    sealing_keys: int
    is_retired: bool


def turn_root_key() -> Flow[tuple[str, str]]:
    """Have what is wrapped from now on wrapped under the given root key: the fingerprints of the
    former one and of this. KeysUnavailable where the former one was not given along.
    """
    present = root_key()
    in_force = yield from check_root_key()
    if in_force is None:
        raise KeysUnavailable("nothing is wrapped under a root key yet")
    former = in_force
    if in_force == present.fingerprint:
        others = [name for name in root_keys() if name != present.fingerprint]
        if not others:
            raise KeysUnavailable("no former root key was given along")
        return others[0], present.fingerprint
    rows = yield Statement(TURN, (former, present.fingerprint, present.wrap(PROBE, PROBE)))
    if not rows[0][0]:
        raise KeysUnavailable("that root key was in use before")
    return former, present.fingerprint


def rewrap_sealing_keys() -> Flow[int]:
    """The keys that sign the audit log, under the given root key."""
    rows = yield Statement(SEALING)
    moved = 0
    for key_id, was in rows:
        signer = Signer(key_id, unwrap(key_id, bytes(was)))
        done = yield Statement(REWRAP, (key_id, was, wrap(signer)))
        moved += bool(done[0][0])
    return moved


def keys_under(tenant_id: UUID, fingerprint: str) -> Flow[int]:
    """How many of a tenant's own keys are wrapped under a root key. In its scope."""
    rows = yield Statement(UNDER, (tenant_id, fingerprint))
    return int(rows[0][0])


def rotate_root_key(tenants: Iterable[UUID]) -> RootTurned:
    """All of it, one transaction a tenant."""
    former, present = run_flow(turn_root_key())
    sealing = run_flow(rewrap_sealing_keys())
    known, moved, left = list(tenants), 0, 0
    for tenant_id in known:
        with tenant_scope(tenant_id):
            moved += run_flow(rewrap_tenant_keys(tenant_id))
            left += run_flow(keys_under(tenant_id, former))
    is_retired = not left and run_flow(_retire(former))
    return RootTurned(former, present, len(known), moved, sealing, is_retired)


def _retire(fingerprint: str) -> Flow[bool]:
    rows = yield Statement(RETIRE, (fingerprint,))
    return bool(rows[0][0])
