"""Stateward from the agent's side: a typed client for governed state.

    from agents_bridge import Client

    with Client() as client:
        client.namespaces.ensure("support.notes")
        client.entries.put("support.notes", "greeting", {"text": "hello"})

``Client`` blocks, ``AsyncClient`` is awaited; both have the same names. Errors are one tree, drawn
in ``StatewardError``'s module. ``agents_bridge.testing`` has a server in memory for your own tests.

Names are loaded on first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents_bridge._audit import AuditFilters
    from agents_bridge._bind import AsyncPages, Pages
    from agents_bridge._bounds import RateLimit
    from agents_bridge._branches import Branch, MergeClash, MergedBranch, MergedEntry
    from agents_bridge._changes import Change, ChangePage
    from agents_bridge._checkpoints import Checkpoint, Difference, Restored, RestoredEntry
    from agents_bridge._client import AsyncClient, Client
    from agents_bridge._errors import (
        ActionConflict,
        ApiError,
        Conflict,
        ConnectionFailed,
        Contended,
        Fault,
        Forbidden,
        Gone,
        IdempotencyKeyReused,
        InvalidKey,
        Locked,
        Malformed,
        MergeConflict,
        MethodNotAllowed,
        NamespaceExists,
        NotAcceptable,
        NotConfigured,
        NotFound,
        PreconditionFailed,
        PreconditionRequired,
        SchemaViolation,
        ServerError,
        StatewardError,
        StorageFull,
        TimedOut,
        TooLarge,
        TooManyRequests,
        TransportFailure,
        Unauthenticated,
        Unavailable,
        UnderHold,
        UnexpectedResponse,
        Unprocessable,
        UnsupportedMediaType,
        UseActions,
        WritePending,
    )
    from agents_bridge._held import AsyncHeldLease, HeldLease
    from agents_bridge._models import (
        Agent,
        AuditRecord,
        Bundle,
        Credential,
        Diff,
        Entry,
        Evaluation,
        Explanation,
        IssuedCredential,
        Lease,
        Namespace,
        OperationResult,
        Page,
        Policy,
        PolicyFault,
        PolicyVersion,
        Principal,
        Proposal,
        Readiness,
        Revision,
        Transacted,
        Validation,
        Voter,
        WrittenEntry,
    )
    from agents_bridge._policies import question
    from agents_bridge._profile import Profile, find_profile
    from agents_bridge._retry import Retry
    from agents_bridge._schemas import SchemaRun, SchemaVersion
    from agents_bridge._transactions import Transaction
    from agents_bridge._watch import AsyncWatch, Watch
    from agents_bridge._wire import UNSET, Unset

_HOMES = {
    "_audit": "AuditFilters",
    "_bind": "AsyncPages Pages",
    "_branches": "Branch MergeClash MergedBranch MergedEntry",
    "_checkpoints": "Checkpoint Difference Restored RestoredEntry",
    "_client": "AsyncClient Client",
    "_errors": (
        "ActionConflict ApiError Conflict ConnectionFailed Contended Fault Forbidden Gone "
        "IdempotencyKeyReused InvalidKey Locked Malformed MergeConflict MethodNotAllowed "
        "NamespaceExists NotAcceptable NotConfigured NotFound PreconditionFailed "
        "PreconditionRequired SchemaViolation ServerError StatewardError StorageFull TimedOut "
        "TooLarge TooManyRequests TransportFailure Unauthenticated Unavailable UnderHold "
        "UnexpectedResponse Unprocessable UnsupportedMediaType UseActions WritePending"
    ),
    "_held": "AsyncHeldLease HeldLease",
    "_models": (
        "Agent AuditRecord Bundle Credential Diff Entry Evaluation Explanation "
        "IssuedCredential Lease Namespace OperationResult Page Policy PolicyFault "
        "PolicyVersion Principal Proposal Readiness Revision Transacted Validation Voter "
        "WrittenEntry"
    ),
    "_changes": "Change ChangePage",
    "_policies": "question",
    "_profile": "Profile find_profile",
    "_bounds": "RateLimit",
    "_retry": "Retry",
    "_schemas": "SchemaRun SchemaVersion",
    "_transactions": "Transaction",
    "_watch": "AsyncWatch Watch",
    "_wire": "UNSET Unset",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "UNSET",
    "ActionConflict",
    "Agent",
    "ApiError",
    "AsyncClient",
    "AsyncHeldLease",
    "AsyncPages",
    "AsyncWatch",
    "AuditFilters",
    "AuditRecord",
    "Branch",
    "Bundle",
    "Change",
    "ChangePage",
    "Checkpoint",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Contended",
    "Credential",
    "Diff",
    "Difference",
    "Entry",
    "Evaluation",
    "Explanation",
    "Fault",
    "Forbidden",
    "Gone",
    "HeldLease",
    "IdempotencyKeyReused",
    "InvalidKey",
    "IssuedCredential",
    "Lease",
    "Locked",
    "Malformed",
    "MergeClash",
    "MergeConflict",
    "MergedBranch",
    "MergedEntry",
    "MethodNotAllowed",
    "Namespace",
    "NamespaceExists",
    "NotAcceptable",
    "NotConfigured",
    "NotFound",
    "OperationResult",
    "Page",
    "Pages",
    "Policy",
    "PolicyFault",
    "PolicyVersion",
    "PreconditionFailed",
    "PreconditionRequired",
    "Principal",
    "Profile",
    "Proposal",
    "RateLimit",
    "Readiness",
    "Restored",
    "RestoredEntry",
    "Retry",
    "Revision",
    "SchemaRun",
    "SchemaVersion",
    "SchemaViolation",
    "ServerError",
    "StatewardError",
    "StorageFull",
    "TimedOut",
    "TooLarge",
    "TooManyRequests",
    "Transacted",
    "Transaction",
    "TransportFailure",
    "Unauthenticated",
    "Unavailable",
    "UnderHold",
    "UnexpectedResponse",
    "Unprocessable",
    "Unset",
    "UnsupportedMediaType",
    "UseActions",
    "Validation",
    "Voter",
    "Watch",
    "WritePending",
    "WrittenEntry",
    "find_profile",
    "question",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
