"""The job that seals old values anew, so that a version which was turned over can be retired.

Namespace by namespace, store by store, in batches: each is one transaction that ends with the place
it has come to, so a worker that is killed loses nothing and does nothing twice. A value that was
moved is under the version that seals and is not met again. The bytes that were read are replaced
only where they are still there: who writes meanwhile writes under the new version anyway.

A version is retired when nothing can come under it any more and nothing is: the epoch rose with the
turn, so a write that was decided before is refused unless its statement had begun; the job waits
until every transaction that was there when it began has ended, goes through once more, counts, and
retires in the transaction that counted none.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from governance.keys.acts import keeper
from governance.keys.stores import FIRST, Stale, Store, count_all, stores
from governance.keys.usage import note_counts
from stateward.gate.audit.record import append, compose
from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.load import load_keys, load_keys_of, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.versions import (
    KeyVersion,
    namespaces_to_move,
    note_gathering,
    old_versions,
    raise_key_epoch,
    retire_version,
)
from stateward.kernel.flow import Statement
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.services.schemas import is_settled
from stateward.tenancy.actors import Call
from stateward.tenancy.scope import execute, run_flow

BATCH = 200  # values in one transaction
BATCH_BYTES = 8 * 1024 * 1024
MAX_PASSES = 20  # over what others write in the very moment
LONGEST_WAIT = 60.0  # seconds for transactions that were there before
XACT = "SELECT pg_current_xact_id()::text::bigint"


@dataclass(slots=True)
class Progress:
    """How far a run is: what is kept with each batch."""

    done: list[str] = field(default_factory=list)  # namespaces
    namespace: str | None = None
    xact: int = 0  # older transactions may still write under the old versions
    is_last: bool = False  # the pass after they have ended
    passes: int = 0
    store: int = 0
    after: tuple[str, str] = FIRST
    moved: int = 0  # in this pass
    counts: Counter[str] = field(default_factory=Counter)

    def kept(self) -> dict[str, Any]:
        names = ("done", "namespace", "xact", "is_last", "passes", "store", "after", "moved")
        return {name: getattr(self, name) for name in names} | {"counts": dict(self.counts)}


def reencrypt(run: Run) -> Outcome:
    """``params``: ``namespace_id`` (none: all that need it) and ``rows_per_second``."""
    if run.tenant_id is None:
        raise LookupError("Keys are a tenant's.")
    return _Work(run, run.tenant_id, _progress_of(run)).carry_out()


def _progress_of(run: Run) -> Progress:
    if run.checkpoint is None:
        return Progress(counts=Counter({"moved": 0, "bytes": 0, "retired": 0, "unreadable": 0}))
    kept = dict(run.checkpoint)
    return Progress(**{**kept, "counts": Counter(kept["counts"]), "after": tuple(kept["after"])})


@dataclass(slots=True)
class _Work:
    """One run in a worker's hands."""

    run: Run
    tenant_id: UUID
    at: Progress
    waiting: list[str] = field(default_factory=list)

    def carry_out(self) -> Outcome:
        with self.run.scope():
            wanted = self.run.params.get("namespace_id")
            found = [UUID(wanted)] if wanted else run_flow(namespaces_to_move(self.tenant_id))
        for namespace_id in found:
            if str(namespace_id) not in self.at.done:
                self._namespace(namespace_id)
                self._keep(done=[*self.at.done, str(namespace_id)], namespace=None)
        result = {**self.at.counts, "namespaces": len(found), "waiting": len(self.waiting)}
        return Outcome(result, has_findings=bool(self.at.counts["unreadable"] or self.waiting))

    def _namespace(self, namespace_id: UUID) -> None:
        if self.at.namespace != str(namespace_id):
            with self.run.scope():
                self.run.guard()
                xact = int(execute(Statement(XACT))[0][0])
                run_flow(note_gathering(self.tenant_id, namespace_id))
                self._begin_pass(namespace=str(namespace_id), xact=xact, is_last=False, passes=0)
        while self.at.passes < MAX_PASSES:
            self._pass(namespace_id)
            if self.at.is_last and self._retire(namespace_id):
                return
            if not self._is_settled():
                self.waiting.append(str(namespace_id))  # the next run retires it
                return
            self._begin_pass(is_last=True, passes=self.at.passes + 1)
        self.waiting.append(str(namespace_id))

    def _begin_pass(self, **fields: Any) -> None:
        self._keep(**fields, store=0, after=FIRST, moved=0)

    def _keep(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.at, name, value)
        self.run.keep(self.at.kept())

    def _is_settled(self) -> bool:
        """Whether what was under way when the namespace was begun has ended."""
        begun = time.monotonic()
        while not is_settled(self.at.xact):
            if time.monotonic() - begun > LONGEST_WAIT:
                self.run.note("A transaction that began before is still open; retiring waits.")
                return False
            self.run.progress(self.at.counts["moved"], None, "waiting for writes that had begun")
            time.sleep(0.05)
        return True

    # Going through a namespace.

    def _pass(self, namespace_id: UUID) -> None:
        every = list(stores())
        while self.at.store < len(every):
            if self._batch(every[self.at.store], namespace_id):
                continue
            self._keep(store=self.at.store + 1, after=FIRST)

    def _batch(self, store: Store, namespace_id: UUID) -> bool:
        """One transaction; False where the store has no more."""
        begun = time.monotonic()
        with self.run.scope():
            self.run.guard()
            old = run_flow(old_versions(self.tenant_id, namespace_id))
            names = [one.name for one in old]
            found = store.stale(self.tenant_id, namespace_id, names, self.at.after, BATCH)
            if not names or not found:
                return False
            found = _bounded(found)
            self._move(store, namespace_id, found)
            self._keep(after=found[-1].place)
        self.run.progress(self.at.counts["moved"], None, store.label)
        self._breathe(len(found), begun)
        return True

    def _move(self, store: Store, namespace_id: UUID, found: list[Stale]) -> None:
        ring = run_flow(load_keys(self.tenant_id))
        run_flow(load_namespace_keys(ring, namespace_id))
        run_flow(load_keys_of(ring, namespace_id, [one.value for one in found]))
        items, pieces, offset = [], [], 0
        for one in found:
            fresh = self._resealed(ring, store, namespace_id, one)
            if fresh is None:
                continue
            items.append(_item(one, offset, len(fresh)))
            pieces.append(fresh)
            offset += len(fresh)
        if items:
            text = orjson.dumps(items, default=str).decode()
            moved = store.replace(self.tenant_id, namespace_id, text, b"".join(pieces))
            self.at.moved += moved
            self.at.counts["moved"] += moved
            self.at.counts["bytes"] += offset

    def _resealed(
        self, ring: KeyRing, store: Store, namespace_id: UUID, one: Stale
    ) -> bytes | None:
        """What does not open stays, is counted, and keeps its version from being retired."""
        try:
            return ring.reseal(namespace_id, one.key, store.field, one.write_id, one.value)
        except CannotOpen:
            if self.at.is_last:
                self.at.counts["unreadable"] += 1
            return None

    def _breathe(self, rows: int, begun: float) -> None:
        """Leave the database to others: so many values a second, and no more."""
        most = int(self.run.params.get("rows_per_second") or settings.REENCRYPT_ROWS_PER_SECOND)
        if most:
            time.sleep(max(0.0, rows / most - (time.monotonic() - begun)))

    # Retiring what nothing is under.

    def _retire(self, namespace_id: UUID) -> bool:
        """Whether no version is left that only opens, but for what cannot be read."""
        with self.run.scope():
            self.run.guard()
            run_flow(raise_key_epoch(self.tenant_id))
            under = count_all(self.tenant_id, namespace_id)
            note_counts(self.tenant_id, namespace_id, under)
            left = Counter[tuple[UUID, int]]()
            for one in under:
                left[one.key_id, one.version] += one.rows
            is_over = True
            for version in run_flow(old_versions(self.tenant_id, namespace_id)):
                if left[version.id, version.version]:
                    is_over = False
                elif run_flow(retire_version(self.tenant_id, version.id, version.version)):
                    self.at.counts["retired"] += 1
                    self._record(version)
            self.run.keep(self.at.kept())
        stuck = self.at.moved == 0 and self.at.counts["unreadable"] > 0
        return is_over or stuck

    def _record(self, version: KeyVersion) -> None:
        draft = compose(
            actor=keeper(self.tenant_id),
            call=Call(request_id=str(self.run.id)),
            action="key.rotate",
            resource_type="data_key",
            resource_id=str(version.id),
            namespace_id=version.namespace_id,
            reason="Nothing is under it any more.",
            extra={"event": "key.retired", "version": version.version},
        )
        run_flow(append(draft))


def _bounded(found: list[Stale]) -> list[Stale]:
    """As many as fit into one statement; at least one."""
    size = 0
    for number, one in enumerate(found):
        size += len(one.value)
        if number and size > BATCH_BYTES:
            return found[:number]
    return found


def _item(one: Stale, offset: int, length: int) -> dict[str, Any]:
    return {
        "k": one.key,
        "w": one.write_id,
        "id": one.write_id,
        "at": one.at,
        "h": sha256(one.value).hexdigest(),
        "o": offset,
        "l": length,
    }
