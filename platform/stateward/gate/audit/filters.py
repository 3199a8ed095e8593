"""What to look for in the audit: one object filters view, facets, chart and export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stateward.gate.audit.typed import DETERMINING, Typed


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Records of one tenant for which every given condition holds. ``until`` is not included."""

    tenant_id: UUID
    since: datetime | None = None
    until: datetime | None = None
    actor_id: UUID | None = None
    actor_name: str | None = None
    action: str | None = None  # ``state.write``, ``state.*`` for a group, or several with commas
    outcome: str | None = None  # ``allow``, ``deny_forbid``, …, or ``deny`` for all denials
    namespace_ids: tuple[UUID, ...] | None = None  # of one name: a re-created namespace is another
    key: str | None = None
    classification: str | None = None  # one, or several with commas
    request_id: str | None = None
    run: str | None = None
    policy: str | None = None  # a policy that decided a denial
    purpose: str | None = None  # what the caller gave as one
    typed: Typed | None = None  # an expression that people typed

    def where(self) -> tuple[str, list[Any]]:
        """The condition on ``r``, a row of ``stateward_audit_record``, and its parameters."""
        conditions, parameters = ["r.tenant_id = %s"], [self.tenant_id]
        if self.policy is not None or self.outcome not in {None, "allow"}:
            conditions.append("r.outcome <> 'allow'")  # what the index of denials asks for
        for condition, value in self._conditions():
            if value is not None:
                conditions.append(condition)
                parameters += value if isinstance(value, tuple) else [value]
        if self.typed is not None:
            conditions.append(self.typed.sql)
            parameters += self.typed.parameters
        return " AND ".join(conditions), parameters

    def _conditions(self) -> list[tuple[str, Any]]:
        return [
            ("r.at >= %s", self.since),
            ("r.at < %s", self.until),
            ("r.actor_id = %s", self.actor_id),
            ("r.actor_name = %s", self.actor_name),
            *self._actions(),
            ("r.namespace_id = ANY (%s)", self._namespaces()),
            ("r.entry_key = %s", self.key),
            ("r.outcome = %s", None if self.outcome == "deny" else self.outcome),
            _one_of("r.classification", self.classification),
            ("r.request_id = %s", self.request_id),
            ("r.run = %s", self.run),
            (f"jsonb_exists({DETERMINING}, %s)", self.policy),
            ("r.payload ->> 'purpose' = %s", self.purpose),
        ]

    def _actions(self) -> list[tuple[str, Any]]:
        """``state.*`` stands for all that begin so."""
        wanted = _listed(self.action) or []
        if len(wanted) > 1:
            groups = [one[:-1] for one in wanted if one.endswith(".*")]
            sql = "(r.action = ANY (%s) OR r.action ^@ ANY (%s))"
            return [(sql, (wanted, groups))]
        if wanted and wanted[0].endswith(".*"):
            return [("starts_with(r.action, %s)", wanted[0][:-1])]
        return [("r.action = %s", self.action)]

    def _namespaces(self) -> list[UUID] | None:
        return None if self.namespace_ids is None else list(self.namespace_ids)

    def as_json(self) -> dict[str, Any]:
        """For an export's manifest: what was asked for."""
        given = {name: getattr(self, name) for name in self.__slots__ if name != "tenant_id"}
        return {
            name: [str(one) for one in value] if isinstance(value, tuple) else str(value)
            for name, value in given.items()
            if value is not None
        }

    @property
    def is_everything(self) -> bool:
        return not self.as_json()


def _one_of(column: str, text: str | None) -> tuple[str, Any]:
    """A single value asks by equality, which the index knows best."""
    several = _listed(text)
    if several is None or len(several) == 1:
        return f"{column} = %s", text
    return f"{column} = ANY (%s)", several


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]
