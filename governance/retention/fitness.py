"""Which scopes and terms are taken."""

from __future__ import annotations

from governance.retention.terms import CLOCKS, KINDS, MAX_DAYS, Scope, Terms
from stateward.kernel.errors import unfit
from stateward.state.models import CLASSIFICATIONS
from stateward.state.naming import is_namespace_name
from stateward.state.patterns import pattern_fault

# What audit records say of a key is kept at least so long, whatever a rule says (EU AI Act 19 and
# 26(6): six months; checked as a floor here, verified by counsel before it is relied upon).
AUDIT_DAYS = 183
MAX_TEXT = 2_000
MAX_NAME = 100


def check_terms(terms: Terms) -> None:
    """Unprocessable (422) at the member that does not fit."""
    if terms.kind not in KINDS:
        raise unfit("kind", f"one of {', '.join(KINDS)}")
    if terms.clock == "read":  # type: ignore[comparison-overlap]  # people ask for it
        raise unfit("clock", "when a key was last read is not recorded for every class of data")
    if terms.clock not in CLOCKS:
        raise unfit("clock", f"one of {', '.join(CLOCKS)}")
    if not 0 <= terms.days <= MAX_DAYS:
        raise unfit("days", f"a whole number from 0 to {MAX_DAYS:,}")
    check_scope(terms.scope)
    if terms.erase_audit and terms.kind != "delete":
        raise unfit("erase_audit", "only a rule that deletes has anything forgotten")
    if terms.erase_audit and terms.days < AUDIT_DAYS:
        raise unfit("erase_audit", f"only with {AUDIT_DAYS} days or more")


def check_scope(scope: Scope) -> None:
    if scope.namespace and not is_namespace_name(scope.namespace):
        raise unfit("namespace", "not a namespace's name")
    if fault := pattern_fault(scope.key_pattern):
        raise unfit("key_pattern", fault)
    if scope.classification and scope.classification not in CLASSIFICATIONS:
        raise unfit("classification", f"one of {', '.join(CLASSIFICATIONS)}")
    name, found, value = scope.label.partition("=")
    if scope.label and not (found and 0 < len(name) <= 63 and len(value) <= 255):
        raise unfit("label", "name=value")


def check_text(member: str, text: str, *, most: int = MAX_TEXT, needed: bool = False) -> str:
    """The text without spaces around it."""
    clean = text.strip()
    if needed and not clean:
        raise unfit(member, "say it in words")
    if len(clean) > most:
        raise unfit(member, f"at most {most:,} characters")
    return clean
