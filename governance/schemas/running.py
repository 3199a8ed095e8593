"""The job behind every run: checks, activates, brings stored values to a version, takes that back.

A run is a list of stages, and each stage that goes through the namespace does so by key, a batch to
a transaction: what a batch did and how far it came are committed together, so a worker that is
killed loses nothing and does nothing twice. What is written goes the way of every write, as whoever
asked for the run, decided for each entry; each becomes a revision ``migrate`` that names the run.

    check      count
    activate   make pending, wait, count, conclude
    migrate    bring, make pending, wait, bring what was written meanwhile, conclude
    undo       make the version before pending, wait, take back, count, conclude

How an activation leaves nothing unnoticed stands in ``state/services/schemas.py``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from governance.schemas.entries import (
    PAGE,
    Row,
    brought,
    count_living,
    fits,
    page_of,
    page_to_take_back,
    taken_back,
)
from governance.schemas.exceptions import OlderWritesRemain, RunStopped
from governance.schemas.models import SchemaRun
from stateward.gate.policy.principals import load_principal
from stateward.kernel.errors import (
    Conflict,
    Locked,
    NotFound,
    PreconditionFailed,
    StatewardError,
)
from stateward.operations.jobs.interruptions import Cancelled
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration
from stateward.state.exceptions import NotTransformable, SchemaViolation
from stateward.state.judging import record_denial
from stateward.state.models import Namespace
from stateward.state.services.namespaces import find_namespace, permit_update
from stateward.state.services.schemas import (
    activate_pending,
    give_up_pending,
    is_settled,
    make_pending,
)
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow

STAGES: Mapping[str, tuple[str, ...]] = {
    "check": ("count", "tell"),
    "activate": ("pend", "wait", "count", "conclude"),
    "migrate": ("bring", "pend", "wait", "bring_rest", "conclude"),
    "undo": ("pend", "wait", "take_back", "count", "conclude"),
}
WORDS = {
    "count": "reading stored values",
    "bring": "migrating",
    "bring_rest": "migrating what was written meanwhile",
    "take_back": "taking back",
    "wait": "waiting for writes that had begun",
}
MAX_SAMPLES = 50
MAX_PASSES = 5  # over what others change or lease in the very moment
LONGEST_WAIT = 120.0  # seconds for transactions that were there before


@dataclass(slots=True)
class Progress:
    """How far a run is: what is kept with each batch."""

    stage: int = 0
    passes: int = 0
    after: str | None = None
    xact: int = 0
    seen: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def kept(self) -> dict[str, Any]:
        return {
            "stage": self.stage, "passes": self.passes, "after": self.after, "xact": self.xact,
            "seen": self.seen, "counts": dict(self.counts), "samples": self.samples,
        }  # fmt: skip


def work(run: Run) -> Outcome:
    """Carry out the run that ``params`` name; one that is over is left as it is."""
    if run.tenant_id is None:
        raise LookupError("Work on a schema is about one tenant.")
    with run.scope():
        asked = SchemaRun.objects.filter(tenant_id=run.tenant_id, id=run.params["run"]).first()
        if asked is None or asked.state in {"done", "refused"}:
            return Outcome({})
        SchemaRun.objects.filter(tenant_id=run.tenant_id, id=asked.id).update(
            state="running", job_run=run.id, finished_at=None
        )
    return _Work(run, asked, _progress_of(run.checkpoint)).carry_out()


def _progress_of(kept: Mapping[str, Any] | None) -> Progress:
    if kept is None:
        return Progress()
    return Progress(**{**kept, "counts": Counter(kept["counts"])})


@dataclass(slots=True)
class _Work:
    """One run in a worker's hands."""

    run: Run
    asked: SchemaRun
    at: Progress
    total: int | None = None

    @property
    def tenant_id(self) -> UUID:
        return self.asked.tenant_id

    @property
    def call(self) -> Call:
        return Call(request_id=str(self.run.id), run=str(self.asked.id))

    def carry_out(self) -> Outcome:
        try:
            stages = STAGES[self.asked.kind]
            while self.at.stage < len(stages):
                getattr(self, f"_{stages[self.at.stage]}")()
        except Cancelled:
            self._end("cancelled")
            raise
        except RunStopped:
            self._end("stopped")
            return self._outcome("stopped")
        except StatewardError:
            self._end("failed")
            raise
        return self._outcome()

    def _outcome(self, state: str | None = None) -> Outcome:
        with self.run.scope():
            found = SchemaRun.objects.get(tenant_id=self.tenant_id, id=self.asked.id)
        counts = {"state": state or found.state, **found.counts}
        return Outcome(counts, has_findings=bool(found.counts.get("failing")))

    def _end(self, state: str) -> None:
        """Write down that it ends before it was concluded, and leave no version pending."""
        with self.run.scope():
            self.run.guard()
            actor = self._asker(is_needed=False)
            give_up_pending(actor, self.call, self.asked.namespace_id, self.asked.id)
            self._write(state=state, finished_at=Now())

    def _asker(self, *, is_needed: bool = True) -> Actor:
        """Whoever asked for the run, as they are now."""
        asked = self.asked
        found = run_flow(load_principal(self.tenant_id, asked.actor_type, str(asked.actor_id)))
        if found is None and is_needed:
            raise NotFound("Who asked for this is not there any more.")
        if found is None:
            return Actor("system", asked.actor_id, asked.actor_name, self.tenant_id, "", ())
        scopes = None if asked.scopes is None else frozenset(asked.scopes)
        return replace(found, scopes=scopes)

    def _namespace(self, actor: Actor) -> Namespace:
        """The namespace, if who asked may still change it."""
        name = Namespace.objects.get(tenant_id=self.tenant_id, id=self.asked.namespace_id).name
        permit_update(actor, self.call, name)
        return find_namespace(actor, self.call, name)

    def _write(self, **fields: Any) -> None:
        SchemaRun.objects.filter(tenant_id=self.tenant_id, id=self.asked.id).update(
            counts=dict(self.at.counts), samples=self.at.samples, **fields
        )

    def _next(self) -> None:
        """On to the next stage, in the transaction of this one's last step."""
        self.at.stage, self.at.after, self.at.passes, self.at.seen = self.at.stage + 1, None, 0, 0
        self.run.keep(self.at.kept())

    # The stages.

    def _pend(self) -> None:
        is_exclusive = self.asked.kind != "activate"
        number = self.asked.version_before if self.asked.kind == "undo" else self.asked.number
        with self.run.scope():
            self.run.guard()
            actor = self._asker()
            self._namespace(actor)
            self.at.xact = make_pending(
                actor, self.call, self.asked.namespace_id, number,
                exclusive=is_exclusive, run_id=self.asked.id,
            )  # fmt: skip
            self._next()

    def _wait(self) -> None:
        begun, pause = time.monotonic(), 0.01
        while not is_settled(self.at.xact):
            if time.monotonic() - begun > LONGEST_WAIT:
                raise OlderWritesRemain
            self.run.progress(0, None, WORDS["wait"])
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        with self.run.scope():
            self._next()

    def _count(self) -> None:
        number = self.asked.version_before if self.asked.kind == "undo" else self.asked.number
        # What is checked before anything is activated is what a migration would make of it.
        is_carried = self.asked.kind == "check"
        self._begin("entries", "fitting", "failing")

        def look(actor: Actor, name: str, row: Row) -> str:
            fits(self.tenant_id, name, row, number, is_carried=is_carried)
            return "fitting"

        self._through(look)
        with self.run.scope():
            self.run.guard()
            self._write()
            self._next()

    def _tell(self) -> None:
        with self.run.scope():
            self.run.guard()
            self._write(state="done", finished_at=Now())
            self._next()

    def _bring(self) -> None:
        """The first time through, while the version before is in force."""
        self._begin("failing")
        self._through(self._brought, most=self.asked.max_errors)
        with self.run.scope():
            self.run.guard()
            self._next()

    def _bring_rest(self) -> None:
        """What was written meanwhile, again and again until nobody is in the way."""
        while True:
            self._begin("entries", "failing", "skipped")
            self._through(self._brought)
            self.at.passes += 1
            with self.run.scope():
                self.run.guard()
                if not self.at.counts["skipped"] or self.at.passes >= MAX_PASSES:
                    self.at.counts["failing"] += self.at.counts.pop("skipped", 0)
                    self._write()
                    self._next()
                    return
                self.at.after, self.at.seen = None, 0
                self.run.keep(self.at.kept())
            time.sleep(0.2)

    def _brought(self, actor: Actor, name: str, row: Row) -> str:
        return run_flow(
            brought(actor, self.call, name, row, self.asked.number, note=self._said("Migrated"))
        )

    def _take_back(self) -> None:
        if self.asked.undoes is None:
            raise LookupError("An undo names what it undoes.")
        undone = self.asked.undoes

        def take(actor: Actor, name: str, row: Row) -> str:
            if not row.is_as_written:
                raise PreconditionFailed("written since")
            run_flow(taken_back(actor, self.call, name, row, note=self._said("Taken back")))
            return "taken_back"

        def page(namespace_id: UUID, after: str | None) -> list[Row]:
            return page_to_take_back(self.tenant_id, namespace_id, undone, after)

        self._through(take, page=page)
        with self.run.scope():
            self.run.guard()
            self._write()
            self._next()

    def _said(self, word: str) -> str:
        return self.asked.note or f"{word}: version {self.asked.number} of the schema."

    def _conclude(self) -> None:
        """Activate the version if everything stored fits it, or what does not was accepted."""
        failing = self.at.counts["failing"]
        is_undo = self.asked.kind == "undo"
        with self.run.scope():
            self.run.guard()
            actor = self._asker()
            self._namespace(actor)
            if failing and not (self.asked.only_new_writes or is_undo):
                give_up_pending(actor, self.call, self.asked.namespace_id, self.asked.id)
                self._write(state="refused", finished_at=Now())
            else:
                coverage = "new_writes" if failing else "stored"
                activate_pending(
                    actor, self.call, self.asked.namespace_id, self.asked.id, coverage=coverage
                )
                self._write(state="done", finished_at=Now())
            self._next()

    # Going through the namespace.

    def _begin(self, *names: str) -> None:
        """Counts of a stage that begins; one that goes on keeps them."""
        if self.at.after is None:
            for name in names:
                self.at.counts[name] = 0
            if "failing" in names:
                self.at.samples = [one for one in self.at.samples if one.get("kept")]

    def _through(
        self,
        each: Callable[[Actor, str, Row], str],
        *,
        page: Callable[[UUID, str | None], list[Row]] | None = None,
        most: int | None = None,
    ) -> None:
        word = WORDS[STAGES[self.asked.kind][self.at.stage]]
        if self.total is None:
            with self.run.scope():
                self.total = count_living(self.tenant_id, self.asked.namespace_id)
        while True:
            with self.run.scope():
                self.run.guard()
                actor = self._asker()
                name = self._namespace(actor).name
                rows = (page or self._page)(self.asked.namespace_id, self.at.after)
                for row in rows:
                    self._one(each, actor, name, row)
                if rows:
                    self.at.after = rows[-1].key
                    self.run.keep(self.at.kept())
                    self._write()
            if most is not None and self.at.counts["failing"] > most:
                raise RunStopped
            self.run.progress(min(self.at.seen, self.total), self.total, word)
            if len(rows) < PAGE:
                return

    def _page(self, namespace_id: UUID, after: str | None) -> list[Row]:
        configuration = run_flow(load_configuration(self.tenant_id, max_age=0))
        return page_of(configuration, namespace_id, after)

    def _one(
        self, each: Callable[[Actor, str, Row], str], actor: Actor, name: str, row: Row
    ) -> None:
        self.at.seen += 1
        self.at.counts["entries"] += 1
        try:
            self.at.counts[each(actor, name, row)] += 1
        except (PreconditionFailed, Locked, Conflict) as busy:
            self._skipped(row, busy)
        except (NotTransformable, SchemaViolation) as broken:
            self._sample("failing", row, broken)
        except StatewardError as refused:
            run_flow(record_denial(actor, self.call, refused))
            self._sample("failing", row, refused)

    def _skipped(self, row: Row, busy: StatewardError) -> None:
        """Somebody was quicker, or has it leased: it is come back to, an undo lists it."""
        if self.asked.kind == "undo":
            self._sample("changed_since", row, busy, is_kept=True)
        else:
            self._sample("skipped", row, busy)

    def _sample(
        self, count: str, row: Row, error: StatewardError, *, is_kept: bool = False
    ) -> None:
        self.at.counts[count] += 1
        if len(self.at.samples) >= MAX_SAMPLES:
            return
        self.at.samples.append(
            {
                "key": row.key,
                "version": row.version,
                "code": error.code,
                "errors": [fault.as_dict() for fault in error.errors[:10]],
                **({"kept": True} if is_kept else {}),
            }
        )
