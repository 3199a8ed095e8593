"""Who is calling, and what the call says about itself. Always passed explicitly, never fetched from
thread-locals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from stateward.tenancy.limits import RateLimit

ActorType = Literal["agent", "member", "system"]
AuthMethod = Literal["api_key", "token", "session", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated principal within one tenant."""

    type: ActorType
    id: UUID
    name: str
    tenant_id: UUID
    tenant_slug: str
    roles: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    auth_method: AuthMethod = "api_key"
    credential_id: UUID | None = None
    scopes: frozenset[str] | None = None  # None: the credential caps nothing
    mfa: bool = False
    ends_at: datetime | None = (
        None  # the earliest end of what lets them in, by the database's clock
    )
    # The principals' counter (epochs) under which a process keeps this actor; None: read for one
    # call.
    read_under: int | None = None
    limits: tuple[RateLimit, ...] = ()  # how often they may call; empty: as often as they like


@dataclass(frozen=True, slots=True)
class Call:
    """What one request says about itself; policies and the audit see all of it."""

    request_id: str
    source_address: str = ""
    trace_id: str | None = None
    user_agent: str = ""
    purpose: str | None = None
    run: str | None = None
    on_behalf_of: str | None = None
