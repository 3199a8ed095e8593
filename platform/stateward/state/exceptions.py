"""What the state engine refuses."""

from __future__ import annotations

from stateward.kernel.errors import (
    Conflict,
    Forbidden,
    Locked,
    Malformed,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    StorageFull,
    TooManyRequests,
    Unavailable,
    Unprocessable,
)


class NoSuchNamespace(NotFound):
    """There is no such namespace, or none you may know of."""


class NoSuchEntry(NotFound):
    """There is no such entry, or none you may know of."""


class BadKey(Malformed):
    """A key is 1 to 512 characters without "/", control characters or lone surrogates, and not "."
    or "..".
    """

    code = "bad_key"


class NamespaceExists(Conflict):
    """A namespace of this name exists already."""

    code = "namespace_exists"


class MaskedValue(Unprocessable):
    """The value holds a mask: what it stands for would be lost."""

    code = "masked_value"


class MaskedForYou(Forbidden):
    """Parts of the value are masked for you: a patch of yours may not test, copy or move them."""

    code = "masked_for_you"


class OnlyPeopleLower(Forbidden):
    """Only a person lowers a classification from confidential or restricted."""

    code = "only_people_lower"


class NamespaceNotEmpty(Conflict):
    """The namespace has entries; delete it with ?force=true to remove them too."""

    code = "namespace_not_empty"


class UnderHold(Conflict):
    """A hold keeps this; nothing in it is deleted."""

    code = "under_hold"


class Contended(Conflict):
    """Too many writers changed this key at once; nothing was written."""

    code = "contended"


class UseActions(Conflict):
    """The namespace's value changes only through actions."""

    code = "use_actions"


class ActionConflict(Conflict):
    """The action does not fit the value as it is."""

    code = "action_conflict"


class MergeConflict(Conflict):
    """Both sides changed the same place since the version you named."""

    code = "merge_conflict"


class ModeInUse(Conflict):
    """The namespace has entries, and their values were not made by that mode."""

    code = "mode_in_use"


class Leased(Locked):
    """Somebody else has the lease on this key."""

    code = "leased"


class StaleFencingToken(PreconditionFailed):
    """That fencing token is not the newest one granted for this key."""

    code = "stale_fencing_token"


class NoSuchLease(NotFound):
    """There is no such lease, or none you may know of: it was released, ended by itself or was
    taken over.
    """


class NotLeaseHolder(Forbidden):
    """This lease is another's. Whoever may end it says why (?reason=)."""

    code = "not_lease_holder"


class NoSuchProposal(NotFound):
    """There is no such proposal, or none you may know of."""


class ProposalOver(Conflict):
    """The proposal is no longer open."""

    code = "proposal_over"


class NotVoter(Forbidden):
    """Only those whom the proposal names may vote on it."""

    code = "not_a_voter"


class ProposalRefused(Conflict):
    """The quorum is there, but the value may not be written now; your vote was not counted."""

    code = "proposal_refused"


class PatchTestFailed(Conflict):
    """A test operation of the JSON Patch failed."""

    code = "patch_test_failed"


class RequestInProgress(Conflict):
    """The first request under this Idempotency-Key is still running."""

    code = "idempotency_key_in_use"


class IdempotencyKeyReused(Unprocessable):
    """This idempotency key was used for another request."""

    code = "idempotency_key_reused"


class SchemaViolation(Unprocessable):
    """The value breaks the namespace's schema."""

    code = "schema_violation"


class BadSchema(Unprocessable):
    """This is not a JSON Schema we accept."""

    code = "bad_schema"


class BadMode(Unprocessable):
    """These are not settings of a concurrency mode."""

    code = "bad_mode"


class BadUpdate(Unprocessable):
    """This is not an update of a replica of this kind."""

    code = "bad_update"


class RepeatedKey(Unprocessable):
    """A transaction writes each key at most once: it has one time."""

    code = "repeated_key"


class BadMigration(Unprocessable):
    """This is not a migration we accept."""

    code = "bad_migration"


class NotTransformable(Unprocessable):
    """A step of the migration does not fit the value."""

    code = "not_transformable"


class SchemaVersionUnavailable(NotAcceptable):
    """The value cannot be given in that version of the schema."""

    code = "schema_version_unavailable"


class SchemaVersionRefused(Conflict):
    """There is no way from that version of the schema to the one in force."""

    code = "schema_version_refused"


class NoSuchSchemaVersion(NotFound):
    """There is no such version of the schema, or none you may know of."""


class NoSuchSchemaRun(NotFound):
    """There is no such run, or none you may know of."""


class SchemaBusy(Conflict):
    """Another version of this schema is being activated, or values are being brought to one."""

    code = "schema_busy"


class SchemaState(Conflict):
    """The version is not in a state in which that can be done."""

    code = "schema_state"


class TooManySchemaVersions(Conflict):
    """The namespace has as many versions of its schema as allowed."""

    code = "too_many_schema_versions"


class PatchNotApplicable(Unprocessable):
    """The patch does not fit the value."""

    code = "patch_not_applicable"


class QuotaExceeded(StorageFull):
    """There is no room under a quota; deleting makes some, and is always allowed."""

    code, title = "quota_exceeded", "Quota exceeded"


class DailyQuotaExceeded(TooManyRequests):
    """The day's writes are used up; the next day begins at midnight UTC."""

    code, title = "daily_quota_exceeded", "Daily quota exceeded"


class NoSuchTenant(NotFound):
    """There is no such tenant."""


class CallerChanged(Unavailable):
    """Who you are or what you may do changed while this ran; nothing was written. Try again."""

    code = "caller_changed"


class ClockJumped(Unavailable):
    """The database's clock and this machine's are too far apart to delete anything by."""

    code = "clock_jumped"


class NoSuchCheckpoint(NotFound):
    """There is no such checkpoint, or none you may know of."""


class TooManyCheckpoints(Conflict):
    """The namespace has as many checkpoints as it may; delete some."""

    code = "too_many_checkpoints"


class NotABranch(NotFound):
    """The namespace is no branch, or its parent is gone, or none you may know of."""


class BranchConflicts(Conflict):
    """Branch and parent changed the same places since the branch began; nothing was merged."""

    code = "branch_conflicts"
