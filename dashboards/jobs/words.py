"""How runs are spoken of: states, sentences, results, who asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from dashboards import figures
from governance.jobs.serializers import title_of
from stateward.operations.jobs.following import progress_of, share_of
from stateward.operations.jobs.queries import JobRun
from stateward.tenancy.models import Agent, Member

STATES = {
    "queued": ("", "Waits", "hourglass"),
    "running": ("accent", "Running", "play"),
    "done": ("ok", "Done", "check"),
    "failed": ("bad", "Failed", "warning"),
    "cancelled": ("", "Cancelled", "stop-sign"),
}
Names = dict[UUID, str]


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with the words for it."""

    run: JobRun
    title: str
    tone: str
    word: str
    icon: str
    says: str
    asked_by: str
    counts: list[tuple[str, str]]
    details: list[tuple[str, str]]  # what else it left: ids, places, answers

    @property
    def percent(self) -> int | None:
        share = share_of(self.run)
        return None if share is None else int(share * 100)

    @property
    def takeovers(self) -> int:
        """How often another worker went on with it, or it had its next turn."""
        return max(self.run.attempts - 1, 0)

    @property
    def took(self) -> str:
        """How long it was at work; empty while it is not over."""
        seconds = self.run.seconds
        if seconds is None:
            return ""
        if seconds < 0.95:
            return f"{max(round(seconds * 1000), 1)}{figures.GAP}ms"
        return figures.span(timedelta(seconds=seconds))

    @property
    def error(self) -> str:
        """What it failed of, as a sentence."""
        return f"{(self.run.error or 'nothing is known').rstrip('.')}."

    @property
    def silent(self) -> timedelta | None:
        """Since its worker last said that it is at it."""
        return self.run.now - self.run.beat_at if self.run.beat_at else None


def view_of(run: JobRun, names: Names) -> RunView:
    tone, word, icon = STATES[run.state]
    if run.state == "done" and run.has_findings:
        tone, word, icon = "warn", "Done, with findings", "warning"
    if run.state == "running" and run.is_cancelled:
        tone, word, icon = "warn", "Being cancelled", "stop-sign"
    left = (run.result or {}) if run.tenant_id else {}
    counts, details = _of(left, is_count=True), _of(left, is_count=False)
    says, asked_by = progress_of(run), _asked_by(run, names)
    return RunView(run, title_of(run), tone, word, icon, says, asked_by, counts, details)


def names_of(tenant_id: UUID, runs: Iterable[JobRun]) -> Names:
    """The names of those who asked for runs or stopped them; within the tenant's scope."""
    members: set[UUID] = set()
    agents: set[UUID] = set()
    for run in runs:
        if run.actor_id is not None:
            (agents if run.actor_type == "agent" else members).add(run.actor_id)
        if run.stopped_by is not None:
            members.add(run.stopped_by)
    found: Names = {}
    if members:
        rows = Member.objects.filter(tenant_id=tenant_id, id__in=members)
        found |= {row.id: str(row.person) for row in rows.select_related("person")}
    if agents:
        named = Agent.objects.filter(tenant_id=tenant_id, id__in=agents)
        found |= dict(named.values_list("id", "name"))
    return found


def sentence_of(view: RunView) -> str:
    """How one run stands."""
    run = view.run
    if run.state == "queued":
        return f"It {view.says}, for {figures.span(run.now - run.queued_at)} so far."
    if run.state == "running":
        begun = run.started_at or run.now
        doing = "At work" if view.says in {"", "at work"} else view.says[0].upper() + view.says[1:]
        return f"{doing}, {figures.span(run.now - begun)} since it began."
    took = f" after {view.took}" if view.took else ""
    ended = figures.moment(run.finished_at, run.now) if run.finished_at else ""
    if run.state == "failed":
        return f"Failed {ended}{took}: {view.error}"
    verb = {"done": "Done", "cancelled": "Cancelled"}[run.state]
    found = " It found something to look at." if run.has_findings else ""
    return f"{verb} {ended}{took}.{found}"


def _of(result: Mapping[str, Any], *, is_count: bool) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), _written(value))
        for name, value in result.items()
        if is_count == (isinstance(value, int | float) and not isinstance(value, bool))
    ]


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int | float):
        return figures.whole(value) if isinstance(value, int) else figures.digits(value)
    if isinstance(value, list):
        return ", ".join(_written(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_written(one)}" for name, one in value.items()) or "none"
    return str(value)


def _asked_by(run: JobRun, names: Names) -> str:
    if run.actor_id is None:
        return "the timetable" if run.slot else "the system"
    return names.get(run.actor_id, "someone who is gone")
