"""Order, given after commit.

Ids, sequences and transaction ids are drawn before commit and become visible out of order, even
for one key. So nothing of that is the order. A *pass* is one snapshot of the database, numbered by
the one process that holds the lease, and its rows are those visible in it and not in the pass
before. Rows carry the id of their transaction (``xid``) and a sequence value drawn under their
row's lock (``seq``), by which they stand in order within the pass. Every committed row belongs to
exactly one pass; a transaction that lasts belongs to the pass that first sees it committed; no row
is touched.

A row is new in a pass if its transaction began after the pass before (``xid`` at or past that
snapshot's end), or was under way in it (one of its ``xip``). Both are found by the index on
``xid``, so a transaction left open for an hour does not make each pass read that hour's rows.

Passes are taken on the primary only: a standby's snapshot shows open transactions as visible.
"""

from __future__ import annotations

from uuid import UUID

from stateward.kernel.flow import Flow, Statement

NOTHING = "1:1:"  # the snapshot in which no transaction of ours is visible


def new_rows(table: str, columns: str, condition: str = "true") -> str:
    """SQL for the rows of ``table`` that are visible in ``span.now`` and not in ``span.before``."""
    visible = f"pg_visible_in_snapshot(r.xid, (SELECT now FROM span)) AND {condition}"
    return f"""
        SELECT {columns} FROM {table} r
        WHERE r.xid >= (SELECT pg_snapshot_xmax(before) FROM span)
          AND r.xid < (SELECT pg_snapshot_xmax(now) FROM span) AND {visible}
        UNION ALL
        SELECT {columns} FROM {table} r
        WHERE r.xid = ANY (ARRAY(SELECT pg_snapshot_xip(before) FROM span)) AND {visible}
    """


def take_pass(source: str, *, lease: str, token: int) -> Flow[int | None]:
    """Number what has become visible in ``source``; the pass's number, or None if nothing has.

    One statement, hence one snapshot: the one recorded is the one that was looked through. Nothing
    is recorded once the lease is lost.
    """
    rows = yield Statement(
        f"""
        WITH last AS MATERIALIZED (
            SELECT number, snapshot FROM stateward_pass ORDER BY number DESC LIMIT 1
        ), span AS MATERIALIZED (
            SELECT coalesce((SELECT snapshot FROM last), '{NOTHING}') AS before,
                pg_current_snapshot() AS now
        )
        INSERT INTO stateward_pass (number, snapshot)
        SELECT coalesce((SELECT number FROM last), 0) + 1, now FROM span
        WHERE CASE WHEN EXISTS ({new_rows(source, "1")}) THEN EXISTS (
            SELECT 1 FROM stateward_lease WHERE name = %s AND token = %s FOR SHARE) END
        RETURNING number
        """,
        (lease, token),
    )
    return int(rows[0][0]) if rows else None


def rows_of_pass(table: str, columns: str, condition: str = "true") -> str:
    """SQL for the rows of one pass, whose number is the first parameter; in no order."""
    return f"""
        WITH span AS MATERIALIZED (
            SELECT coalesce(b.snapshot, '{NOTHING}') AS before, n.snapshot AS now
            FROM stateward_pass n LEFT JOIN stateward_pass b ON b.number = n.number - 1
            WHERE n.number = %s
        )
        {new_rows(table, columns, condition)}
    """


def rows_of_passes(table: str, columns: str, condition: str = "true") -> str:
    """SQL for the rows of the passes after the first parameter, up to the second; in no order."""
    return f"""
        WITH span AS MATERIALIZED (
            SELECT coalesce((SELECT snapshot FROM stateward_pass WHERE number = %s), '{NOTHING}')
                AS before, snapshot AS now FROM stateward_pass WHERE number = %s
        )
        {new_rows(table, columns, condition)}
    """


def unnumbered_rows(table: str, columns: str, condition: str = "true") -> str:
    """SQL for the rows that are committed and not in the pass whose number is the parameter."""
    return f"""
        WITH span AS MATERIALIZED (
            SELECT coalesce((SELECT snapshot FROM stateward_pass WHERE number = %s), '{NOTHING}')
                AS before, pg_current_snapshot() AS now
        )
        {new_rows(table, columns, condition)}
    """


def passes_after(number: int, limit: int) -> Flow[list[int]]:
    """The numbers of the passes after ``number``, in order, at most ``limit``."""
    rows = yield Statement(
        "SELECT number FROM stateward_pass WHERE number > %s ORDER BY number LIMIT %s",
        (number, limit),
    )
    return [row[0] for row in rows]


# Every change has its audit record in the same transaction, so the records' index by transaction
# serves here too; it is not by tenant, as that of the changes is.
FEED_SOURCE = "stateward_audit_record"
FEED_NAMED = 2000  # rows looked through for whose they are


def take_feed_pass(*, lease: str, token: int) -> Flow[tuple[int, list[UUID] | None] | None]:
    """Number what has become visible for the feed: the pass's number and whose rows it has, None
    for too many to say; None if nothing has become visible.

    The feed's passes are apart from those that audit seals by. They are as frequent as someone
    waits for them, and end with the changes they number; those of the audit stay for ever.
    """
    fresh = new_rows(FEED_SOURCE, "r.tenant_id", "r.resource_type = 'entry'")
    rows = yield Statement(
        f"""
        WITH last AS MATERIALIZED (
            SELECT number, snapshot FROM stateward_feed_pass ORDER BY number DESC LIMIT 1
        ), span AS MATERIALIZED (
            SELECT snapshot AS before, pg_current_snapshot() AS now FROM last
        ), fresh AS MATERIALIZED (
            SELECT count(*) AS found, array_agg(DISTINCT tenant_id) AS tenants
            FROM (SELECT tenant_id FROM ({fresh}) AS visible LIMIT {FEED_NAMED}) AS named
        )
        INSERT INTO stateward_feed_pass (number, snapshot)
        SELECT last.number + 1, span.now FROM last, span, fresh
        WHERE CASE WHEN fresh.found > 0 THEN EXISTS (
            SELECT 1 FROM stateward_lease WHERE name = %s AND token = %s FOR SHARE) END
        RETURNING number, (
            SELECT CASE WHEN found < {FEED_NAMED} THEN tenants END FROM fresh)
        """,
        (lease, token),
    )
    return (int(rows[0][0]), rows[0][1]) if rows else None
