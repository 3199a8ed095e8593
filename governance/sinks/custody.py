"""The secrets of sinks: wrapped under the tenant's key, opened only to deliver, never shown."""

from __future__ import annotations

from uuid import UUID

from governance.sinks.models import Sink
from stateward.gate.keys.load import load_keys
from stateward.gate.keys.services import ensure_tenant_keys
from stateward.tenancy.scope import run_flow

PURPOSE = b"stateward sink secret v1"


def keep_secret(sink: Sink, secret: bytes) -> None:
    """Put it into the row, which the caller saves. In the tenant's scope."""
    ring = run_flow(ensure_tenant_keys(sink.tenant_id))
    sink.secret_key_id = ring.wrapping_key
    sink.secret = ring.wrapper(sink.secret_key_id).wrap(secret, *_binding(sink.tenant_id, sink.id))


def open_secret(sink: Sink) -> bytes:
    """The secret, or nothing where the sink has none. Raises KeysUnavailable."""
    if sink.secret is None or sink.secret_key_id is None:
        return b""
    ring = run_flow(load_keys(sink.tenant_id))
    wrapper = ring.wrapper(sink.secret_key_id)
    return wrapper.unwrap(bytes(sink.secret), *_binding(sink.tenant_id, sink.id))


def _binding(tenant_id: UUID, sink_id: UUID) -> tuple[bytes, ...]:
    return PURPOSE, tenant_id.bytes, sink_id.bytes
