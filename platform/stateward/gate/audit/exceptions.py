"""What can go wrong with evidence."""

from stateward.kernel.errors import Conflict, StatewardError, Unavailable


class AuditUnavailable(Unavailable):
    """The audit record could not be written, so nothing was done."""

    code = "audit_unavailable"
    title = "Audit not available"


def concerns_audit(error: BaseException) -> bool:
    """Whether what the database refused was an audit record, whichever driver says so.

    Only the error's own words count: its context quotes the whole statement, in which the audit is
    always named. What a trigger raises names no table at all; of ours only the audit's guards do.
    """
    cause = error if hasattr(error, "diag") else error.__cause__
    diagnosis = getattr(cause, "diag", None)
    if diagnosis is None:
        return False
    return (
        (diagnosis.table_name or "").startswith("stateward_audit")
        or "stateward_audit" in (diagnosis.message_primary or "")
        or diagnosis.sqlstate == "P0001"
    )


class NotSealedYet(Conflict):
    """This record is not sealed yet; sealing follows within about a second."""

    code = "not_sealed_yet"
    title = "Not sealed yet"


class EvidenceBroken(Conflict):
    """What the database holds is not what was sealed."""

    code = "evidence_broken"
    title = "Evidence broken"


class ForkedHistory(EvidenceBroken):
    """The history in the database contradicts a checkpoint signed before; signing has stopped."""

    code = "audit_fork"
    title = "Audit history contradicts itself"


class SealingKeyUnusable(StatewardError):
    """The sealing key cannot be opened with this installation's root key."""

    code = "sealing_key"
    title = "Sealing key not available"


def is_audit_failure(error: BaseException) -> bool:
    """Whether a database error arose in writing the audit record, inside whatever function.

    The server says so in the error's context (the statement it was in) or, for a missing right,
    in its message.
    """
    diagnosis = getattr(error, "diag", None)
    told = (str(error), getattr(diagnosis, "context", None), getattr(diagnosis, "table_name", None))
    return any("stateward_audit_record" in text for text in told if text)
