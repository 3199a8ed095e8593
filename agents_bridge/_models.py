"""What the server answers, as frozen dataclasses. Each keeps the whole document in ``raw``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from agents_bridge._build import MOMENT, Model, raw, several

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Principal(Model):
    """Who did or may do something."""

    type: str
    id: str
    name: str = ""
    raw: Mapping[str, Any] = raw()

    def __str__(self) -> str:
        return self.name or f"{self.type}:{self.id}"


PRINCIPAL = {"convert": Principal.build}


@dataclass(frozen=True, slots=True)
class Namespace(Model):
    """A named set of entries under one set of rules."""

    name: str
    scope: str = "shared"
    concurrency: str = "last_write_wins"
    classification: str = "internal"
    reducer: Mapping[str, Any] | None = None
    crdt: Mapping[str, Any] | None = None
    schema: Any = None
    owner: Any = None
    labels: Mapping[str, str] = field(default_factory=dict)
    default_ttl_seconds: int | None = None
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    updated_at: datetime | None = field(default=None, metadata=MOMENT)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Entry(Model):
    """The value of a key, now or at the version asked for."""

    namespace: str
    key: str
    version: int
    value: Any = None
    has_value: bool = False
    """False where the value was left out (``values=False``), which is not the same as a value of
    null.
    """
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    updated_at: datetime | None = field(default=None, metadata=MOMENT)
    updated_by: Principal | None = field(default=None, metadata=PRINCIPAL)
    expires_at: datetime | None = field(default=None, metadata=MOMENT)
    labels: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int | None = None
    classification: str | None = None
    raw: Mapping[str, Any] = raw()

    @property
    def etag(self) -> str:
        """The version as HTTP spells it."""
        return f'"{self.version}"'


@dataclass(frozen=True, slots=True)
class WrittenEntry(Entry):
    """An entry as a write left it."""

    created: bool = False
    """Whether there was no entry before."""
    replayed: bool = False
    """Whether this is the stored outcome of an earlier call with the same idempotency key."""
    consistency_token: str | None = None
    """Hand it to another agent, which then sees at least this write: ``client.follow(token)``."""


@dataclass(frozen=True, slots=True)
class OperationResult(Model):
    """What one operation of a transaction led to. A value is there after what writes one."""

    op: str
    namespace: str
    key: str
    status: int
    version: int | None = None
    """Of a check, the version that is there; None where there is none."""
    value: Any = None
    updated_at: datetime | None = field(default=None, metadata=MOMENT)
    expires_at: datetime | None = field(default=None, metadata=MOMENT)
    labels: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = raw()

    @property
    def created(self) -> bool:
        """Whether there was no entry before."""
        return self.status == 201


@dataclass(frozen=True, slots=True)
class Transacted:
    """A transaction that happened."""

    results: tuple[OperationResult, ...]
    """In the order of the operations."""
    replayed: bool = False
    """Whether this is the stored outcome of an earlier call with the same idempotency key."""
    consistency_token: str | None = None
    """Hand it to another agent, which then sees all of it: ``client.follow(token)``."""


@dataclass(frozen=True, slots=True)
class Revision(Model):
    """One change of a key."""

    version: int
    operation: str
    at: datetime = field(metadata=MOMENT)
    actor: Principal | None = field(default=None, metadata=PRINCIPAL)
    note: str | None = None
    size_bytes: int | None = None
    value_hash: str | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Diff(Model):
    """How to get from one version to another: an RFC 6902 patch."""

    from_version: int = field(metadata={"member": "from"})
    to_version: int = field(metadata={"member": "to"})
    patch: tuple[Mapping[str, Any], ...] = several()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Policy(Model):
    """A policy, with the number of its version in force (None: not in force)."""

    id: str
    name: str
    description: str = ""
    active_version: int | None = None
    latest_version: int | None = None
    text: str | None = None
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    updated_at: datetime | None = field(default=None, metadata=MOMENT)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class PolicyVersion(Model):
    """One version of a policy's text; never changes."""

    version: int
    text: str | None = None
    note: str | None = None
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    created_by: Principal | None = field(default=None, metadata=PRINCIPAL)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class PolicyFault(Model):
    """One thing wrong with a policy's text."""

    message: str
    pointer: str = ""
    line: int | None = None
    column: int | None = None
    raw: Mapping[str, Any] = raw()

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        return place + self.message


@dataclass(frozen=True, slots=True)
class Validation(Model):
    """Whether a policy's text can be used, and if not, why."""

    valid: bool
    errors: tuple[PolicyFault, ...] = several(PolicyFault.build)
    raw: Mapping[str, Any] = raw()

    def __bool__(self) -> bool:
        return self.valid


@dataclass(frozen=True, slots=True)
class Lease(Model):
    """A key that somebody has to themselves until ``expires_at``."""

    id: str
    namespace: str
    key: str
    fencing_token: int
    """Goes with each write of the key; one that is not the newest granted is refused for ever."""
    expires_at: datetime = field(metadata=MOMENT)
    holder: Principal = field(metadata=PRINCIPAL)
    waiting: int | None = None
    """How many stand in line for it; only in lists."""
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Voter(Model):
    """One who may vote on a proposal, and how they did."""

    type: str
    id: str
    name: str
    vote: str | None = None
    """``accept`` or ``reject``; None: not yet."""
    at: datetime | None = field(default=None, metadata=MOMENT)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Proposal(Model):
    """A value that ``quorum`` of its voters must accept before it is written."""

    id: str
    namespace: str
    key: str
    state: str
    """``open``, ``committed``, ``rejected``, ``withdrawn`` or ``expired``."""
    quorum: int
    voters: tuple[Voter, ...] = several(Voter.build)
    accepted: int = 0
    rejected: int = 0
    proposer: Principal | None = field(default=None, metadata=PRINCIPAL)
    note: str | None = None
    if_version: int | None = None
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    expires_at: datetime | None = field(default=None, metadata=MOMENT)
    ended_at: datetime | None = field(default=None, metadata=MOMENT)
    version: int | None = None
    """Of the entry, once it is committed."""
    value: Any = None
    """Only while it is open, and only where one proposal was asked for with its value."""
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Explanation(Model):
    """What would be decided, and why. ``raw`` has all the server said: near misses, errors, policy
    set.
    """

    outcome: str
    reason: str = ""
    code: str = ""
    determining: tuple[Any, ...] = several()
    near_misses: tuple[Any, ...] = several()
    errors: tuple[Any, ...] = several()
    policy_set: str | None = None
    raw: Mapping[str, Any] = raw()

    @property
    def allowed(self) -> bool:
        return self.outcome == "allow"

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True)
class Evaluation(Model):
    """An AuthZEN answer."""

    decision: bool
    context: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = raw()

    def __bool__(self) -> bool:
        return self.decision


@dataclass(frozen=True, slots=True)
class Agent(Model):
    """A principal that is a program."""

    id: str
    name: str
    roles: tuple[str, ...] = several()
    status: str = "active"
    framework: str = ""
    team: str = ""
    environment: str = ""
    risk_class: str = ""
    owner: Any = None
    purpose: str = ""
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Credential(Model):
    """An API key, without its secret."""

    id: str
    key_id: str = ""
    holder: Principal | None = field(default=None, metadata=PRINCIPAL)
    label: str = ""
    scopes: tuple[str, ...] | None = field(default=None, metadata={"convert": tuple})
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    expires_at: datetime | None = field(default=None, metadata=MOMENT)
    revoked_at: datetime | None = field(default=None, metadata=MOMENT)
    last_used_at: datetime | None = field(default=None, metadata=MOMENT)
    last_used_address: str | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class IssuedCredential(Credential):
    """A new API key with its secret, which is shown this once. Printing the object does not show
    it.
    """

    api_key: str | None = field(default=None, repr=False)
    """None when the call was repeated: the server does not show a secret twice."""


@dataclass(frozen=True, slots=True)
class AuditRecord(Model):
    """One record of the audit."""

    id: str
    action: str
    outcome: str = ""
    at: datetime | None = field(default=None, metadata=MOMENT)
    actor: Principal | None = field(default=None, metadata=PRINCIPAL)
    resource: Mapping[str, Any] = field(default_factory=dict)
    """``type`` and ``id``; of an entry also ``namespace``, ``key`` and ``classification``."""
    reason: str | None = None
    decision_id: str | None = None
    request_id: str | None = None
    run: str | None = None
    version: int | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Readiness(Model):
    """Whether reads and writes work now."""

    ready: bool
    degraded: bool = False
    server_time: datetime | None = None
    """The server's clock, by its ``Date`` header: to the second."""
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class Bundle:
    """An audit bundle that was saved."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. ``next_cursor`` is None on the last."""

    items: tuple[T, ...]
    next_cursor: str | None
