"""The job behind a scan: namespace by namespace, page by page.

What a page found and how far the scan came are committed together, so a worker that is killed
loses nothing and does nothing twice. At the end of each namespace what was found in entries that
are gone is put away, and what is known comes to a suggestion, a raise, or nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from governance.classification.looking import (
    PAGE,
    PURPOSE,
    forget_gone,
    look_at,
    page_after,
    scanner,
)
from governance.classification.models import ClassificationScan, ClassificationStanding
from governance.classification.settling import settle
from stateward.kernel.errors import StatewardError
from stateward.operations.jobs.interruptions import Cancelled
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration, namespace_rules
from stateward.state.exceptions import NoSuchNamespace
from stateward.state.models import Namespace
from stateward.tenancy.actors import Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow

COUNTED = ("namespaces", "entries", "looked", "unread", "found", "suggested", "raised")


@dataclass(slots=True)
class Progress:
    """How far a scan is: what is kept with each page."""

    after: str = ""  # the namespace that was finished last, by name
    key: str = ""  # in the one under way
    here: Counter[str] = field(default_factory=Counter)  # of the one under way
    counts: Counter[str] = field(default_factory=Counter)

    def kept(self) -> dict[str, Any]:
        return {
            "after": self.after, "key": self.key, "here": dict(self.here),
            "counts": dict(self.counts),
        }  # fmt: skip


def scan(run: Run) -> Outcome:
    """Carry out the scan that ``params`` name, or, from the timetable, one of the whole tenant."""
    if run.tenant_id is None:
        raise LookupError("A scan is about one tenant.")
    asked = _asked(run, run.tenant_id)
    if asked is None:
        return Outcome({})
    work = _Scan(run, asked, _progress_of(run))
    try:
        work.carry_out()
    except Cancelled:
        work.end("cancelled")
        raise
    except StatewardError:
        work.end("failed")
        raise
    work.end("done")
    counts = {name: work.at.counts[name] for name in COUNTED}
    return Outcome(counts, has_findings=bool(counts["suggested"] or counts["raised"]))


def _asked(run: Run, tenant_id: UUID) -> ClassificationScan | None:
    with run.scope():
        if "scan" not in run.params:
            run.guard()
            made, _ = ClassificationScan.objects.get_or_create(
                tenant_id=tenant_id, job_run=run.id,
                defaults={
                    "state": "running", "actor_type": "system", "actor_id": PLATFORM,
                    "actor_name": "timetable",
                },
            )  # fmt: skip
            return made
        scans = ClassificationScan.objects.filter(tenant_id=tenant_id, id=run.params["scan"])
        found = scans.first()
        if found is None or found.state == "done":
            return None
        scans.update(state="running", job_run=run.id, finished_at=None)
    return found


def _progress_of(run: Run) -> Progress:
    kept = run.checkpoint
    if kept is None:
        return Progress()
    return Progress(kept["after"], kept["key"], Counter(kept["here"]), Counter(kept["counts"]))


@dataclass(slots=True)
class _Scan:
    """One scan in a worker's hands."""

    run: Run
    asked: ClassificationScan
    at: Progress

    @property
    def tenant_id(self) -> UUID:
        return self.asked.tenant_id

    @property
    def call(self) -> Call:
        return Call(request_id=str(self.run.id), purpose=PURPOSE, run=str(self.asked.id))

    def carry_out(self) -> None:
        while True:
            with self.run.scope():
                following = self._following()
            if following is None:
                return
            self._namespace(following)

    def _following(self) -> Namespace | None:
        found = Namespace.objects.filter(tenant_id=self.tenant_id, deleted_at=None)
        if self.asked.namespace:
            found = found.filter(name=self.asked.namespace)
        return found.filter(name__gt=self.at.after).order_by("name").first()

    def _namespace(self, namespace: Namespace) -> None:
        percent = self.asked.sample_percent if self.asked.coverage == "sample" else 100
        while True:
            began = time.monotonic()
            with self.run.scope():
                self.run.guard()
                count = self._page(namespace, percent)
                if count < PAGE:
                    self._conclude(namespace)
                self.run.keep(self.at.kept())
            done = self.at.counts["entries"] + self.at.here["entries"]
            self.run.progress(done, None, "looking through entries")
            if count < PAGE:
                return
            # The rate is a bound on the load: it is waited for between pages, outside of any
            # transaction.
            pause = count / self.asked.entries_per_second - (time.monotonic() - began)
            time.sleep(min(max(pause, 0.0), 5.0))

    def _page(self, namespace: Namespace, percent: int) -> int:
        configuration = run_flow(load_configuration(self.tenant_id, max_age=0))
        try:
            rules = run_flow(namespace_rules(configuration, namespace.name))
        except NoSuchNamespace:  # deleted since the list was read
            return 0
        rows = page_after(configuration, rules.id, self.at.key)
        looked = look_at(configuration, rules, rows, call=self.call, percent=percent)
        self.at.here.update(looked._asdict())
        if rows:
            self.at.key = rows[-1].key
        return len(rows)

    def _conclude(self, namespace: Namespace) -> None:
        """What the namespace came to, in the transaction of its last page."""
        forget_gone(self.tenant_id, namespace.id)
        here = self.at.here
        if Namespace.objects.filter(id=namespace.id, deleted_at=None).exists():
            ClassificationStanding.objects.update_or_create(
                tenant_id=self.tenant_id, namespace_id=namespace.id,
                defaults={
                    "scan": self.asked.id, "coverage": self.asked.coverage,
                    "entries": here["entries"], "looked": here["looked"],
                    "unread": here["unread"], "scanned_at": Now(),
                },
            )  # fmt: skip
            done = settle(scanner(self.tenant_id), self.call, namespace.id)
            self.at.counts[done or "nothing"] += 1
        self.at.counts.update(here)
        self.at.counts["namespaces"] += 1
        self.at.after, self.at.key, self.at.here = namespace.name, "", Counter()
        self._write()

    def end(self, state: str) -> None:
        with self.run.scope():
            self.run.guard()
            self._write(state=state, finished_at=Now())

    def _write(self, **fields: Any) -> None:
        counts = {name: self.at.counts[name] for name in COUNTED}
        ClassificationScan.objects.filter(tenant_id=self.tenant_id, id=self.asked.id).update(
            counts=counts, **fields
        )
