"""What a drill compares, once the archive has been restored into a scratch database.

The evidence (records, tree, seals) is put beside it as it was, and believed only as far as it is
proved: the leaves make the root that was signed, each leaf has its record, and values that were
restored have the keyed hash that the record of their write names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import sql

from stateward.gate.audit.merkle import TILE_WIDTH, Frontier, Node, place, unpack
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.sealing_key import public_keys
from stateward.gate.audit.verify import Invalid, encode64, open_checkpoint
from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.load import load_keys, load_namespace_keys
from stateward.operations.backups.connecting import Connection, run_on, show_tenant
from stateward.operations.backups.copying import month_of
from stateward.operations.backups.manifest import Part
from stateward.operations.backups.reading import Archive
from stateward.operations.backups.remap import Remap
from stateward.operations.backups.restoring import Report
from stateward.operations.backups.tables import known_tables, names
from stateward.tenancy.scope import run_flow

SAMPLE = 200
POSITIONS = [place(Node(0, number)).position for number in range(TILE_WIDTH)]
LEAVES = "stateward_drill_leaf"
TILES = """
SELECT hashes FROM stateward_audit_tile WHERE tenant_id = %s AND level = 0 ORDER BY number
"""
KEEP_LEAVES = f"""
INSERT INTO {LEAVES} SELECT substr(t.hashes, p.position * 32 + 1, 32) AS hash
FROM unnest(%s::integer[]) WITH ORDINALITY AS p (position, nth)
JOIN stateward_audit_tile t ON t.tenant_id = %s AND t.level = 0
WHERE t.number * %s + p.nth <= %s
"""
WITHOUT_RECORD = f"""
SELECT count(*) FROM {LEAVES} l WHERE NOT EXISTS (
    SELECT FROM stateward_audit_record r WHERE r.tenant_id = %s
    AND sha256('\\x00'::bytea || r.record) = l.hash)
"""
RECORDED = """
SELECT payload ->> 'key', namespace_id, content ->> 'after_hash', (content ->> 'version')::bigint
FROM (SELECT payload, namespace_id, convert_from(record, 'UTF8')::jsonb AS content
      FROM stateward_audit_record WHERE tenant_id = %s AND resource_type = 'entry'
      AND outcome = 'allow' AND payload ? 'key' ORDER BY sha256(record) LIMIT %s) AS chosen
WHERE content ->> 'after_hash' IS NOT NULL
"""
REVISION = """
SELECT key, id, value FROM stateward_revision
WHERE tenant_id = %s AND namespace_id = %s AND key = %s AND version = %s AND value IS NOT NULL
"""
SOME = """
SELECT namespace_id, key, write_id, value, value_hash FROM stateward_entry
WHERE tenant_id = %s AND value IS NOT NULL ORDER BY write_id LIMIT %s
"""


@dataclass(slots=True)
class Findings:
    """What was compared, each with a sentence."""

    checks: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, passed: bool, said: str) -> None:
        self.checks.append({"name": name, "passed": passed, "said": said})

    @property
    def passed(self) -> bool:
        return all(check["passed"] for check in self.checks)


def prove(ours: Connection, owner: Connection, archive: Archive, report: Report) -> Findings:
    """Compare. ``ours`` is the application's connection to the scratch database, ``owner`` its
    owner's.
    """
    findings = Findings()
    _counts(ours, archive, report, findings)
    _load_evidence(owner, archive)
    _tree(owner, archive, findings)
    _sample(ours, owner, archive, report, findings)
    return findings


def _counts(ours: Connection, archive: Archive, report: Report, findings: Findings) -> None:
    show_tenant(ours, report.tenant_id)
    wrong, total = [], 0
    for name, known in known_tables(ours).items():
        part = archive.manifest.tables.get(name)
        if part is None or known.table.is_evidence:
            continue
        count = _one(
            ours,
            sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(sql.Identifier(name)),
            report.tenant_id,
        )
        total += count
        label = known.table.label
        gone = report.shredded.get(label, 0) + report.erased.get(label, 0)
        if count + gone != part.rows:
            wrong.append(f"{known.table.label}: {count} of {part.rows}")
    said = "; ".join(wrong) or f"{total} rows in {len(archive.manifest.tables)} tables, as counted"
    findings.add("rows", not wrong, said)
    entries = archive.manifest.entries
    # What expired since then is no longer alive, and rightly so.
    is_so = report.entries <= entries
    findings.add("entries", is_so, f"{report.entries} living entries; {entries} when it was taken")


def _load_evidence(owner: Connection, archive: Archive) -> None:
    """The evidence as it was, byte for byte. The walls of the scratch database stand aside."""
    for name, known in known_tables(owner).items():
        part = archive.manifest.tables.get(name)
        if part is None or not known.table.is_evidence:
            continue
        table = sql.Identifier(name)
        owner.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table))
        if known.table.name == "stateward_audit_record":
            owner.execute("SELECT stateward_add_months(%s, %s)", (name, _months(archive, part)))
            # What the restore itself put on record in here is not the archive's.
            owner.execute("DELETE FROM stateward_audit_record")
        copy_in = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            table, names(part.columns)
        )
        with (
            owner.cursor() as cursor,
            cursor.copy(copy_in) as copy,
            archive.pieces(part.name) as pieces,
        ):
            for piece in pieces:
                copy.write(piece)


def _tree(owner: Connection, archive: Archive, findings: Findings) -> None:
    checkpoint, tenant_id = archive.manifest.checkpoint, archive.manifest.tenant_id
    if checkpoint is None:
        findings.add("tree", True, "nothing had been sealed yet")
        return
    size = checkpoint["size"]
    frontier = Frontier()
    for leaf in _leaves(owner, tenant_id, size):
        frontier.append(leaf, {})
    root = encode64(frontier.root())
    is_root = frontier.size == size and root == checkpoint["root"]
    said = f"the root over {frontier.size} records is {root}"
    findings.add("root", is_root, said if is_root else f"{said}, not {checkpoint['root']}")
    findings.add("signature", *_signature(archive))
    owner.execute(f"CREATE TEMPORARY TABLE {LEAVES} (hash bytea) ON COMMIT DROP")
    owner.execute(KEEP_LEAVES, (POSITIONS, tenant_id, TILE_WIDTH, size))
    lost = _one(owner, WITHOUT_RECORD, tenant_id)
    said = f"each of {size} sealed records is there" if not lost else f"{lost} records are missing"
    findings.add("records", not lost, said)


def _signature(archive: Archive) -> tuple[bool, str]:
    """Whether the seal is signed by this installation's sealing key."""
    checkpoint = archive.manifest.checkpoint or {}
    keys = run_flow(public_keys(origin_of(archive.manifest.tenant_id)))
    try:
        signed = open_checkpoint(checkpoint["note"], keys)
    except Invalid as problem:
        return False, f"the seal is not signed by a key of this installation: {problem}"
    is_so = signed.size == checkpoint["size"] and encode64(signed.root) == checkpoint["root"]
    return is_so, "the seal is signed by this installation's sealing key"


def _sample(
    ours: Connection, owner: Connection, archive: Archive, report: Report, findings: Findings
) -> None:
    """Values opened with the new keys, compared with what is on record of them."""
    show_tenant(ours, report.tenant_id)
    ring = run_on(ours, load_keys(report.tenant_id))
    remap = Remap(archive.manifest.tenant_id, report.tenant_id)
    opened, failed = 0, 0
    for namespace_id, key, write_id, value, keyed in ours.execute(
        SOME, (report.tenant_id, SAMPLE)
    ).fetchall():
        run_on(ours, load_namespace_keys(ring, namespace_id))
        plain = _opened(ring, namespace_id, key, write_id, value)
        opened += 1
        failed += plain is None or ring.value_hash(plain) != bytes(keyed)
    findings.add("values", not failed, f"{opened - failed} of {opened} values opened")
    matched, differ = 0, 0
    recorded = owner.execute(RECORDED, (archive.manifest.tenant_id, SAMPLE)).fetchall()
    for key, old_namespace, after_hash, version in recorded:
        namespace_id = remap.uuid(old_namespace)
        row = ours.execute(REVISION, (report.tenant_id, namespace_id, key, version)).fetchone()
        if row is None:
            continue  # its revision was due and is gone; the record stays
        run_on(ours, load_namespace_keys(ring, namespace_id))
        plain = _opened(ring, namespace_id, row[0], row[1], row[2])
        matched += 1
        differ += plain is None or archive.keys.ring.value_hash(plain).hex() != after_hash
    said = f"{matched - differ} of {matched} values are those that the audit records name"
    findings.add("hashes", not differ, said)


def _opened(ring: Any, namespace_id: UUID, key: str, write_id: UUID, value: Any) -> bytes | None:
    try:
        plain: bytes = ring.open(namespace_id, key, "value", write_id, bytes(value))
    except CannotOpen:
        return None
    return plain


def _leaves(owner: Connection, tenant_id: UUID, size: int) -> Iterator[bytes]:
    """The leaves that were sealed, in order. A tile holds nodes of greater height between them."""
    given = 0
    with owner.cursor("tiles") as cursor:
        for (data,) in cursor.execute(TILES, (tenant_id,)):
            hashes = unpack(bytes(data))
            for position in POSITIONS:
                if given == size or position >= len(hashes):
                    break
                given += 1
                yield hashes[position]


def _months(archive: Archive, part: Part) -> list[date]:
    """The months that the records are of."""
    at = [name for name, _ in part.columns].index("at")
    return sorted({month_of(fields[at] or b"") for fields in archive.rows(part)})


def _one(connection: Connection, query: Any, *parameters: Any) -> int:
    row = connection.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0
