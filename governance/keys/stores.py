"""Every table that holds sealed values, as the registry of what belongs to a tenant names them.

What a value is under stands in its header, so SQL counts and finds values by key version without
opening one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from stateward.gate.keys.framing import IDENTITY_BEGIN, IDENTITY_END, key_named
from stateward.kernel.flow import Statement
from stateward.kernel.governed import SEALED_ASIDE, TABLES, Sealed
from stateward.tenancy.scope import execute

# SQL counts bytes from 1.
NAME = f"substring({{value}} FROM {IDENTITY_BEGIN + 1} FOR {IDENTITY_END - IDENTITY_BEGIN})"
# A table that is read in an order of its own, which an index of it serves; else by key.
ORDERS = {"stateward_revision": "version"}
FIRST = ("", "")

COUNT = """
SELECT {name}, count(*), coalesce(sum(octet_length({value})), 0)::bigint FROM {table}
WHERE tenant_id = %s AND {namespace} = %s AND {value} IS NOT NULL GROUP BY 1
"""
STALE = """
SELECT {key}, {order}::text AS place, {write_id} AS written, {at} AS moment, {value} AS sealed
FROM {table}
WHERE tenant_id = %s AND {namespace} = %s AND {value} IS NOT NULL
  AND ({key}, {order}) > (%s COLLATE "C", {first}) AND {name} = ANY (%s::bytea[])
ORDER BY {key}, {order} LIMIT %s
"""
# Rows are locked in the order of their keys, as writes lock them; one that somebody is at is met
# again later. Only the bytes that were read are replaced.
RESEAL = """
WITH mine AS MATERIALIZED (
    SELECT t.ctid AS place, x.h, x.o, x.l
    FROM json_to_recordset(%s::json) AS x (k text, w uuid, h text, o integer, l integer)
    JOIN {table} t ON t.tenant_id = %s AND t.{namespace} = %s
        AND t.{key} = x.k COLLATE "C" AND t.{write_id} = x.w
    ORDER BY t.{key} FOR NO KEY UPDATE OF t SKIP LOCKED)
UPDATE {table} t SET {value} = substr(%s, m.o + 1, m.l) FROM mine m
WHERE t.tenant_id = %s AND t.ctid = m.place AND encode(sha256(t.{value}), 'hex') = m.h
RETURNING 1
"""


class Stale(NamedTuple):
    """A value under a version that seals no more."""

    key: str
    order: str
    write_id: UUID
    at: Any
    value: bytes

    @property
    def place(self) -> tuple[str, str]:
        return (self.key, self.order)


class Under(NamedTuple):
    """So many values of one store are under one key version."""

    store: str
    key_id: UUID
    version: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Store:
    """One table of sealed values."""

    table: str
    label: str
    namespace: str
    key: str
    value: str
    write_id: str
    field: str
    partitioned_by: str | None

    def count(self, tenant_id: UUID, namespace_id: UUID) -> list[Under]:
        """Values by the version they are under. In the tenant's scope."""
        rows = execute(Statement(self._sql(COUNT), (tenant_id, namespace_id)))
        return [
            Under(self.label, *key_named(bytes(name)), rows=many, bytes=size)
            for name, many, size in rows
        ]

    def stale(
        self,
        tenant_id: UUID,
        namespace_id: UUID,
        names: list[bytes],
        after: tuple[str, str],
        limit: int,
    ) -> list[Stale]:
        """The next values under these versions, in the store's order."""
        key, order = after
        values = (tenant_id, namespace_id, key, order or self._first, names, limit)
        return [
            Stale(one[0], one[1], one[2], one[3], bytes(one[4]))
            for one in execute(Statement(self._sql(STALE), values))
        ]

    def replace(self, tenant_id: UUID, namespace_id: UUID, items: str, blob: bytes) -> int:
        """Put new bytes in the place of those that were read; how many were."""
        if self.partitioned_by is not None:
            sql = "SELECT 1 FROM stateward_rekey_revisions(%s, %s::json, %s)"
            return len(execute(Statement(sql, (tenant_id, items, blob))))
        values = (items, tenant_id, namespace_id, blob, tenant_id)
        return len(execute(Statement(self._sql(RESEAL), values)))

    @property
    def _first(self) -> str:
        return "0" if self.table in ORDERS else "00000000-0000-0000-0000-000000000000"

    def _sql(self, text: str) -> str:
        """The names are our own, out of the registry; no text of others gets here."""
        is_numbered = self.table in ORDERS
        return text.format(
            table=self.table,
            namespace=self.namespace,
            key=self.key,
            value=self.value,
            write_id=self.write_id,
            order=ORDERS.get(self.table, self.write_id),
            first="%s::bigint" if is_numbered else "%s::uuid",
            at=self.partitioned_by or "NULL",
            name=NAME.format(value=self.value),
        )


def stores() -> Iterator[Store]:
    """All of them, by name: those that backups hold, and those that they do not."""
    for name in sorted({*TABLES, *SEALED_ASIDE}):
        if name in SEALED_ASIDE:
            label, sealed = SEALED_ASIDE[name]
            yield _store(name, label, sealed, None)
        elif (found := TABLES[name].sealed) is not None:
            yield _store(name, TABLES[name].label, found, TABLES[name].partitioned_by)


def _store(name: str, label: str, sealed: Sealed, partitioned_by: str | None) -> Store:
    return Store(
        name,
        label,
        sealed.namespace,
        sealed.key,
        sealed.value,
        sealed.write_id,
        sealed.field,
        partitioned_by,
    )


def count_all(tenant_id: UUID, namespace_id: UUID) -> list[Under]:
    """Values of a namespace by store and key version. Reads every header: for jobs."""
    return [one for store in stores() for one in store.count(tenant_id, namespace_id)]
