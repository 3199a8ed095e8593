"""The rules in force for a tenant: shipped roles and its own active policies, each statement one
rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from stateward.gate.policy.facts import Lens
from stateward.gate.policy.index import filed_under, lens_of
from stateward.gate.policy.levels import DECIDING, Level
from stateward.gate.policy.screening import Check, screen_of
from stateward.gate.policy.statements import Statement, parse
from stateward.gate.policy.tokens import TextFault
from stateward.gate.policy.vocabulary import SCHEMA_VERSION
from stateward.tenancy.models import AGENT_ROLES, MEMBER_ROLES

_ROLES = Path(__file__).with_name("roles")


@dataclass(frozen=True, slots=True)
class Source:
    """One text in force: a role we ship, or the active version of a tenant's policy."""

    kind: Literal["role", "policy"]
    name: str
    text: str
    version: int = 0
    id: str = ""
    level: Level = "hard"

    @property
    def label(self) -> str:
        return f"role:{self.name}" if self.kind == "role" else f"policy:{self.name}@{self.version}"

    @property
    def title(self) -> str:
        """As a person would name it."""
        if self.kind == "role":
            return f"the role {self.name}"
        return f"the policy {self.name!r} (version {self.version})"


@dataclass(frozen=True, slots=True)
class Rule:
    """One permit or forbid in force."""

    source: Source
    number: int  # within its text, from 1
    label: str
    statement: Statement
    asked: str  # the statement for Cedar, its scope left open where the index settles it
    lens: Lens
    screen: Check | None

    @property
    def is_forbid(self) -> bool:
        return self.statement.effect == "forbid"

    @property
    def decides(self) -> bool:
        return self.source.level in DECIDING

    @property
    def as_permit(self) -> str:
        """``asked`` as if it permitted: Cedar then names it whatever else holds."""
        return "permit" + self.asked.removeprefix(self.statement.effect)

    @property
    def is_tenant_forbid(self) -> bool:
        return self.is_forbid and self.source.kind == "policy"


@dataclass(frozen=True, slots=True)
class BrokenSource:
    """A text in force that Cedar no longer accepts. It might have forbidden anything, so all is
    refused until it is mended.
    """

    source: Source
    fault: TextFault


def rules_of(source: Source) -> tuple[Rule, ...] | BrokenSource:
    found = _analysed(source.text)
    if isinstance(found, TextFault):
        return BrokenSource(source, found)
    return tuple(
        Rule(
            source,
            number,
            source.label if len(found) == 1 else f"{source.label}#{number}",
            *analysis,
        )
        for number, analysis in enumerate(found, start=1)
    )


@lru_cache(maxsize=4096)
def _analysed(text: str) -> tuple[tuple[Statement, str, Lens, Check | None], ...] | TextFault:
    """Remembered by text: when one policy is activated, only that one is parsed anew. Only texts in
    force come here, which are bounded in number.
    """
    statements = parse(text)
    if isinstance(statements, TextFault):
        return statements
    return tuple(
        (
            statement,
            statement.opened(
                principal=filed_under(statement.tree, "principal")[1],
                resource=filed_under(statement.tree, "resource")[1],
            ),
            lens_of(statement.tree),
            screen_of(statement.tree),
        )
        for statement in statements
    )


@cache
def shipped_roles() -> tuple[Source, ...]:
    """The roles, as Cedar text of ours, in a fixed order."""
    return tuple(
        Source("role", name, (_ROLES / f"{name}.cedar").read_text(encoding="utf-8"))
        for name in (*MEMBER_ROLES, *AGENT_ROLES)
    )


def set_version(sources: Iterable[Source]) -> str:
    """The name of a set of rules: it changes with any text, name or version in it, and with the
    schema's.
    """
    digest = hashlib.sha256(f"schema {SCHEMA_VERSION}\n".encode())
    for source in sorted(sources, key=lambda source: source.label):
        text = hashlib.sha256(source.text.encode("utf-8", "surrogatepass")).hexdigest()
        level = "" if source.level == "hard" else f" {source.level}"
        digest.update(f"{source.label} {text}{level}\n".encode())
    return digest.hexdigest()
