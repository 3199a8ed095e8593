"""Registries on the cold path: what each app contributes to what is built above or beside it.

An app says in its ``governed.py`` which of its tables belong to a tenant's backup, and which do not
and why. A table that says neither fails a test. Modules of that name are loaded at start.

    from stateward.kernel.governed import back_up, leave_out

    back_up("stateward_retention_rule", "retention rules", match=("name",))
    leave_out("stateward_sweep", "progress of sweeps; the next one begins anew")

In the restored tenant every row has a new id. A new id is computed from the old one, so that
references stay what they were: whatever is of the type ``uuid`` is translated, unless it is named
in ``verbatim``; ids inside texts and JSON only in the columns named in ``inside``.

Of every place where something of a person may lie the app that keeps it says what becomes of it
when the person is erased, how much there is, and empties what the purge of an entry does not:

    keep_subjects("proposals", "open proposals", fate="withdrawn with the entry", count=...)

And what was erased must not come back with a backup: a restore asks ``erased_since`` of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from stateward.kernel.flow import Flow


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of sealed values, and the columns that say what each is bound to."""

    value: str
    namespace: str
    key: str
    write_id: str
    hash: str
    field: str = "value"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column with the number of a row that is everybody's. Numbers differ from one database to
    another, so the archive holds the row's name: ``name`` is SQL for it (``{}``: the number), and
    ``numbers`` a query of all names with their numbers.
    """

    column: str
    name: str
    numbers: str


@dataclass(frozen=True, slots=True)
class TenantTable:
    """A table of which each tenant's rows go into its backup.

    ``match``: what tells that the target tenant has the same thing already (its name); that one
    stays as it is and takes the place of the one in the backup. ``follows``: the column that
    refers to such a thing; rows of one that stayed are not written. ``people``: columns with ids of
    persons. ``digests``: columns with the SHA-256, in hex, of another column's text. ``joins``:
    whether rows are added to a tenant that was there before.
    """

    name: str
    label: str
    match: tuple[str, ...] = ()
    follows: str | None = None
    verbatim: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    digests: tuple[tuple[str, str], ...] = ()
    sealed: Sealed | None = None
    joins: bool = True
    partitioned_by: str | None = None
    lookups: tuple[Lookup, ...] = ()
    is_evidence: bool = False


Places = Sequence[tuple[UUID, str]]  # entries: namespace and key
AboutPlaces = Callable[[UUID, Places], Flow[int]]  # tenant, places; how many
ErasedSince = Callable[[UUID], Flow[Mapping[bytes, int]]]


@dataclass(frozen=True, slots=True)
class SubjectStore:
    """A place where something of a person may lie. ``fate``: what becomes of it at an erasure, in
    words for the certificate. ``count``: of these entries how much lies there; None: nothing that
    could be counted by entry. ``erase``: called in the purge's own transaction; None: the purge of
    the entry does it, or nothing of the person lies there.
    """

    name: str
    label: str
    fate: str
    count: AboutPlaces | None = None
    erase: AboutPlaces | None = None


TABLES: dict[str, TenantTable] = {}
SUBJECT_STORES: dict[str, SubjectStore] = {}
ERASED_SINCE: list[ErasedSince] = []
LEFT_OUT: dict[str, str] = {}
SEALED_ASIDE: dict[
    str, tuple[str, Sealed]
] = {}  # sealed values that no backup holds: label, columns


def back_up(
    name: str,
    label: str,
    *,
    match: tuple[str, ...] = (),
    follows: str | None = None,
    verbatim: tuple[str, ...] = (),
    inside: tuple[str, ...] = (),
    people: tuple[str, ...] = (),
    digests: tuple[tuple[str, str], ...] = (),
    sealed: Sealed | None = None,
    joins: bool = True,
    partitioned_by: str | None = None,
    lookups: tuple[Lookup, ...] = (),
) -> None:
    """Put a tenant table into backups; ``label`` is what plans and reports call its rows."""
    TABLES[name] = TenantTable(
        name,
        label,
        match,
        follows,
        frozenset(verbatim),
        frozenset(inside),
        frozenset(people),
        digests,
        sealed,
        joins,
        partitioned_by,
        lookups,
    )


def keep_as_evidence(name: str, label: str) -> None:
    """Put a tenant table into backups that is never written into a tenant: it proves another."""
    TABLES[name] = TenantTable(name, label, is_evidence=True)


def leave_out(name: str, reason: str, *, label: str = "", sealed: Sealed | None = None) -> None:
    """Keep a tenant table out of backups, for a reason that holds. ``sealed``: it has values under
    data keys all the same, which ``label`` names where keys are counted.
    """
    LEFT_OUT[name] = reason
    if sealed is not None:
        SEALED_ASIDE[name] = (label, sealed)


def keep_subjects(
    name: str,
    label: str,
    *,
    fate: str,
    count: AboutPlaces | None = None,
    erase: AboutPlaces | None = None,
) -> None:
    """Name a place where something of a person may lie."""
    SUBJECT_STORES[name] = SubjectStore(name, label, fate, count, erase)


def erased_since(ask: ErasedSince) -> ErasedSince:
    """Register who knows what was erased of a tenant: by the keyed hash of an entry's identity, the
    version up to which nothing of it may come back.
    """
    ERASED_SINCE.append(ask)
    return ask
