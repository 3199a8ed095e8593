"""Registries on the cold path: what each app contributes to what is built above or beside it.

An app says in its ``governed.py`` which of its tables belong to a tenant's backup, and which do not
and why. A table that says neither fails a test. Modules of that name are loaded at start.

    from stateward.kernel.governed import back_up, leave_out

    back_up("stateward_retention_rule", "retention rules", match=("name",))
    leave_out("stateward_sweep", "progress of sweeps; the next one begins anew")

In the restored tenant every row has a new id. A new id is computed from the old one, so that
references stay what they were: whatever is of the type ``uuid`` is translated, unless it is named
in ``verbatim``; ids inside texts and JSON only in the columns named in ``inside``.
"""

from __future__ import annotations

from dataclasses import dataclass


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


TABLES: dict[str, TenantTable] = {}
LEFT_OUT: dict[str, str] = {}


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


def leave_out(name: str, reason: str) -> None:
    """Keep a tenant table out of backups, for a reason that holds."""
    LEFT_OUT[name] = reason
