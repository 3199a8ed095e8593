"""What stands beside a policy's text: what is sure of it, what it changes, and its tests."""

from __future__ import annotations

from typing import Any

from governance.policies.cases import results_of
from governance.policies.difference import difference
from governance.policies.examining import findings_of
from stateward.gate.policy.levels import LEVELS
from stateward.gate.policy.models import Policy, PolicyVersion

# What each level does, for the choice of one.
LEVEL_WORDS = {
    "shadow": ("Shadow", "decides nothing; the audit notes what it would have changed"),
    "advisory": ("Advisory", "lets pass, and warns in the audit and in explanations"),
    "soft": ("Soft", "refuses, but two people may except somebody for some hours"),
    "hard": ("Hard", "refuses or permits, without exception"),
}
FINDING_TONES = {"never_matches": "warn", "permits_everything": "bad", "overruled": "warn"}


def levels() -> list[tuple[str, str, str]]:
    """Each level with its name and what it does, the mildest first."""
    return [(level, *LEVEL_WORDS[level]) for level in LEVELS]


def beside(policy: Policy, shown: PolicyVersion, in_force: PolicyVersion | None) -> dict[str, Any]:
    """Within the tenant's scope."""
    found = findings_of(policy.tenant_id, shown.text, instead_of=policy.id)
    return {
        "findings": [(FINDING_TONES.get(one.code, ""), one) for one in found],
        "changes": difference(in_force.text, shown.text) if in_force else [],
        "results": results_of(policy, shown.text, shown.number),
        "level_word": LEVEL_WORDS[policy.level][0],
    }
