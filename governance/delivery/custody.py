"""The secrets of webhooks: wrapped under the tenant's key, opened only to sign, shown once."""

from __future__ import annotations

from uuid import UUID

from governance.delivery.models import Route
from stateward.gate.keys.load import load_keys
from stateward.gate.keys.services import ensure_tenant_keys
from stateward.tenancy.scope import run_flow

PURPOSE = b"stateward alert route secret v1"


def keep_secret(route: Route, secret: bytes) -> None:
    """Put it into the row, which the caller saves. In the tenant's scope."""
    ring = run_flow(ensure_tenant_keys(route.tenant_id))
    route.secret_key_id = ring.wrapping_key
    binding = _binding(route.tenant_id, route.id)
    route.secret = ring.wrapper(route.secret_key_id).wrap(secret, *binding)


def open_secret(route: Route) -> bytes:
    """Raises KeysUnavailable."""
    if route.secret is None or route.secret_key_id is None:
        return b""
    wrapper = run_flow(load_keys(route.tenant_id)).wrapper(route.secret_key_id)
    return wrapper.unwrap(bytes(route.secret), *_binding(route.tenant_id, route.id))


def _binding(tenant_id: UUID, route_id: UUID) -> tuple[bytes, ...]:
    return PURPOSE, tenant_id.bytes, route_id.bytes
