"""Calls on the versions of a namespace's schema, and on the work on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Unpack

from agents_bridge._bind import Listing
from agents_bridge._build import MOMENT, Model, raw
from agents_bridge._models import PRINCIPAL, Principal
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import CallOptions, Flow, Pause, segment

_OPEN = ("queued", "running")
_LONGEST_PAUSE = 2.0  # seconds between two looks at a run


@dataclass(frozen=True, slots=True)
class SchemaVersion(Model):
    """One version of a namespace's schema. ``coverage`` is ``stored`` where all that was stored
    fitted when it was activated.
    """

    version: int
    state: str = "draft"
    schema: Any = None
    base: int = 0
    migration: Mapping[str, Any] | None = None
    note: str = ""
    coverage: str = ""
    is_pending: bool = False
    created_by: Principal | None = field(default=None, metadata=PRINCIPAL)
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    activated_at: datetime | None = field(default=None, metadata=MOMENT)
    retired_at: datetime | None = field(default=None, metadata=MOMENT)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, slots=True)
class SchemaRun(Model):
    """A check, an activation, a migration or its undoing: what it came to, and in ``counts`` how
    many entries fitted, failed, were migrated or taken back.
    """

    id: str
    kind: str
    state: str
    version: int
    counts: Mapping[str, int] = field(default_factory=dict)
    samples: Sequence[Mapping[str, Any]] = ()
    samples_hidden: int = 0
    version_before: int = 0
    only_new_writes: bool = False
    max_errors: int = 0
    note: str = ""
    undoes: str | None = None
    job_run: str | None = None
    asked_by: Principal | None = field(default=None, metadata=PRINCIPAL)
    created_at: datetime | None = field(default=None, metadata=MOMENT)
    finished_at: datetime | None = field(default=None, metadata=MOMENT)
    raw: Mapping[str, Any] = raw()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in _OPEN


def list(
    session: Session,
    namespace: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[SchemaVersion]:
    """The versions of the namespace's schema, newest first."""
    path = f"{namespace_path(namespace)}/schemas"
    return Listing(session, path, {"limit": page_size}, SchemaVersion.build, options)


def get(
    session: Session, namespace: str, version: int, **options: Unpack[CallOptions]
) -> Flow[SchemaVersion]:
    """One version. Raises NotFound."""
    response = yield from session.call("GET", _version(namespace, version), options)
    return SchemaVersion.build(response.document())


def create(
    session: Session,
    namespace: str,
    schema: Any,
    *,
    steps: Sequence[Mapping[str, Any]] | None = None,
    inverse: Sequence[Mapping[str, Any]] | None = None,
    base: int | None = None,
    note: str = "",
    **options: Unpack[CallOptions],
) -> Flow[SchemaVersion]:
    """Draft a version: nothing is judged by it until it is activated. ``steps`` bring stored values
    to it, ``inverse`` brings them back for clients that know ``base``. Unprocessable where one is
    wrong.
    """
    body: dict[str, Any] = {"schema": schema}
    if note:
        body["note"] = note
    if base is not None:
        body["base"] = base
    if steps is not None:
        body["migration"] = {"steps": [*steps]}
        if inverse is not None:
            body["migration"]["inverse"] = [*inverse]
    path = f"{namespace_path(namespace)}/schemas"
    response = yield from session.call("POST", path, options, body=body)
    return SchemaVersion.build(response.document())


def retire(
    session: Session, namespace: str, version: int, **options: Unpack[CallOptions]
) -> Flow[SchemaVersion]:
    """Put a draft aside. Conflict where it is or was in force."""
    response = yield from session.call("DELETE", _version(namespace, version), options)
    return SchemaVersion.build(response.document())


def compatibility(
    session: Session,
    namespace: str,
    version: int,
    *,
    other: int | None = None,
    **options: Unpack[CallOptions],
) -> Flow[Mapping[str, Any]]:
    """What the schemas alone say of this version and another (the active one): ``full``,
    ``backward``, ``forward``, ``none`` or ``unknown``, each way with its reasons.
    """
    path = f"{_version(namespace, version)}/compatibility"
    response = yield from session.call("GET", path, options, query={"with": other})
    document: Mapping[str, Any] = response.document()
    return document


def preview(
    session: Session,
    namespace: str,
    version: int,
    *,
    limit: int = 5,
    after: str = "",
    **options: Unpack[CallOptions],
) -> Flow[Sequence[Mapping[str, Any]]]:
    """Up to 20 stored entries before and after the version's migration. Nothing is written."""
    response = yield from session.call(
        "POST",
        f"{_version(namespace, version)}/preview",
        options,
        body={"limit": limit, "after": after},
    )
    items: Sequence[Mapping[str, Any]] = response.document()["items"]
    return items


def check(
    session: Session, namespace: str, version: int, **options: Unpack[CallOptions]
) -> Flow[SchemaRun]:
    """Hold the version against every stored value, by a job; ``wait`` for what it finds."""
    path = f"{_version(namespace, version)}/check"
    return (yield from _start(session, path, {}, options))


def activate(
    session: Session,
    namespace: str,
    version: int,
    *,
    only_new_writes: bool = False,
    note: str = "",
    **options: Unpack[CallOptions],
) -> Flow[SchemaRun]:
    """Put the version in force, by a job: it ends ``refused`` where stored values break it, unless
    ``only_new_writes``. An older version is activated the same way.
    """
    body = {"only_new_writes": only_new_writes, "note": note}
    path = f"{_version(namespace, version)}/activate"
    return (yield from _start(session, path, body, options))


def migrate(
    session: Session,
    namespace: str,
    version: int,
    *,
    max_errors: int = 0,
    only_new_writes: bool = False,
    note: str = "",
    **options: Unpack[CallOptions],
) -> Flow[SchemaRun]:
    """Bring every stored value to the version and put it in force, by a job. It ends ``stopped``
    when more than ``max_errors`` values fail.
    """
    body = {"max_errors": max_errors, "only_new_writes": only_new_writes, "note": note}
    path = f"{_version(namespace, version)}/migrate"
    return (yield from _start(session, path, body, options))


def runs(
    session: Session,
    namespace: str,
    *,
    page_size: int | None = None,
    **options: Unpack[CallOptions],
) -> Listing[SchemaRun]:
    """Checks, activations, migrations and their undoing, newest first."""
    path = f"{namespace_path(namespace)}/schema-runs"
    return Listing(session, path, {"limit": page_size}, SchemaRun.build, options)


def run(
    session: Session, namespace: str, run_id: str, **options: Unpack[CallOptions]
) -> Flow[SchemaRun]:
    """One run, with the entries it named as far as you may know of them. Raises NotFound."""
    response = yield from session.call("GET", _run(namespace, run_id), options)
    return SchemaRun.build(response.document())


def wait(
    session: Session, namespace: str, run_id: str, **options: Unpack[CallOptions]
) -> Flow[SchemaRun]:
    """The run once it is over. How far it is until then, the job's run tells."""
    pause = 0.05
    while True:
        found = yield from run(session, namespace, run_id, **options)
        if found.is_over:
            return found
        yield Pause(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def cancel(
    session: Session, namespace: str, run_id: str, **options: Unpack[CallOptions]
) -> Flow[SchemaRun]:
    """Have a run end at its next step; what it wrote until then stays, and can be undone."""
    response = yield from session.call("POST", f"{_run(namespace, run_id)}/cancel", options)
    return SchemaRun.build(response.document())


def undo(
    session: Session,
    namespace: str,
    run_id: str,
    *,
    note: str = "",
    **options: Unpack[CallOptions],
) -> Flow[SchemaRun]:
    """Take a migration back: values that nobody wrote since are what they were, the others are
    named, and the version before is in force.
    """
    response = yield from session.call(
        "POST", f"{_run(namespace, run_id)}/undo", options, body={"note": note}
    )
    return SchemaRun.build(response.document())


def _start(
    session: Session, path: str, body: dict[str, Any], options: CallOptions
) -> Flow[SchemaRun]:
    response = yield from session.call("POST", path, options, body=body)
    return SchemaRun.build(response.document())


def _version(namespace: str, version: int) -> str:
    return f"{namespace_path(namespace)}/schemas/{version}"


def _run(namespace: str, run_id: str) -> str:
    return f"{namespace_path(namespace)}/schema-runs/{segment(run_id)}"
