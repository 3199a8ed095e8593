"""Entries as a scan looks at them: read by key, opened, looked through; what is found is kept.

What a scan reads it reads as the system, for the purpose it names: each page of values that are
recorded when read is in the audit, with its keys, before they are opened.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from governance.classification.advice import collapsed
from governance.classification.models import ClassificationFinding
from stateward.gate.audit.record import append, compose
from stateward.gate.keys.exceptions import CannotOpen
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.detectors.kinds import Finding
from stateward.state.detectors.looking import find_in
from stateward.state.entries import meet_keys, open_value
from stateward.state.queries import RECORDED
from stateward.state.statements import LIST, Listed
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow

PAGE = 100  # entries to a transaction
PURPOSE = "classification scan"
MOST_PLACES = 40  # of one entry that are kept; the surest
MOST_POINTER = 1024
LIVING = """
SELECT key FROM stateward_entry WHERE tenant_id = %s AND namespace_id = %s
  AND key = ANY (%s) AND is_alive AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""


class Looked(NamedTuple):
    """What looking at some entries came to."""

    entries: int = 0
    looked: int = 0
    unread: int = 0
    found: int = 0


def scanner(tenant_id: UUID) -> Actor:
    return Actor("system", PLATFORM, PURPOSE, tenant_id, "", (), auth_method="system")


def page_after(
    configuration: TenantConfiguration, namespace_id: UUID, after: str, limit: int = PAGE
) -> list[Listed]:
    """The next living entries in order of their keys."""
    asked = {
        "tenant": configuration.tenant_id, "namespace": namespace_id, "after": after,
        "prefix": "", "until": None, "labels": None, "limit": limit,
    }  # fmt: skip
    return [Listed(*row) for row in run_flow(_rows(Statement(LIST, asked)))]


def find_rows(
    configuration: TenantConfiguration, namespace_id: UUID, keys: Iterable[str]
) -> list[Listed]:
    """Those of the entries that live."""
    found = []
    for key in keys:
        asked = {
            "tenant": configuration.tenant_id, "namespace": namespace_id, "after": "",
            "prefix": key, "until": None, "labels": None, "limit": 1,
        }  # fmt: skip
        rows = run_flow(_rows(Statement(LIST, asked)))
        found += [Listed(*row) for row in rows if row[0] == key]
    return found


def is_sampled(key: str, percent: int) -> bool:
    """Whether a key is in the sample: always the same ones of a percentage, and those of a smaller
    one among them.
    """
    return percent >= 100 or hashlib.sha256(key.encode()).digest()[0] * 100 < percent * 256


def look_at(
    configuration: TenantConfiguration,
    rules: NamespaceRules,
    rows: Sequence[Listed],
    *,
    call: Call,
    percent: int = 100,
) -> Looked:
    """Look through entries of one namespace and keep what was found in place of what was known."""
    chosen = [row for row in rows if is_sampled(row.key, percent)]
    if not chosen:
        return Looked(entries=len(rows))
    _record(configuration.tenant_id, rules, chosen, call)
    run_flow(meet_keys(configuration.keys, rules, chosen))
    unread = 0
    kept: list[ClassificationFinding] = []
    for row in chosen:
        try:
            value = open_value(configuration.keys, rules, row.key, row.write_id, row.value)
        except CannotOpen:  # its key was destroyed, and with it what it held
            unread += 1
            continue
        found = find_in(value, key=row.key)
        unread += not found.is_complete
        kept += _findings(configuration.tenant_id, rules.id, row, found.findings)
    forget(configuration.tenant_id, rules.id, [row.key for row in chosen])
    ClassificationFinding.objects.bulk_create(kept)
    return Looked(len(rows), len(chosen), unread, len(kept))


def forget(tenant_id: UUID, namespace_id: UUID, keys: Iterable[str]) -> None:
    """Put away what was found in these entries."""
    ClassificationFinding.objects.filter(
        tenant_id=tenant_id, namespace_id=namespace_id, key__in=list(keys)
    ).delete()


def forget_gone(tenant_id: UUID, namespace_id: UUID) -> int:
    """Put away what was found in entries that do not live any more; how many those were."""
    findings = ClassificationFinding.objects.filter(tenant_id=tenant_id, namespace_id=namespace_id)
    keys = sorted(set(findings.values_list("key", flat=True)))
    living = {row[0] for row in run_flow(_rows(Statement(LIVING, (tenant_id, namespace_id, keys))))}
    gone = [key for key in keys if key not in living]
    forget(tenant_id, namespace_id, gone)
    return len(gone)


def _findings(
    tenant_id: UUID, namespace_id: UUID, row: Listed, findings: Iterable[Finding]
) -> list[ClassificationFinding]:
    """One row for each kind at each place, places in a list as one, the surest first."""
    times: Counter[tuple[str, str]] = Counter()
    surest: dict[tuple[str, str], Finding] = {}
    for one in findings:
        place = (one.kind, place_of(one))
        times[place] += 1
        if place not in surest or one.score > surest[place].score:
            surest[place] = one
    ordered = sorted(surest.items(), key=lambda item: -item[1].score)[:MOST_PLACES]
    return [
        ClassificationFinding(
            tenant_id=tenant_id, namespace_id=namespace_id, key=row.key, version=row.version,
            kind=kind, pointer=pointer, score=round(one.score * 100), reason=one.reason,
            times=times[kind, pointer],
        )
        for (kind, pointer), one in ordered
    ]  # fmt: skip


def place_of(finding: Finding) -> str:
    """``/content#/name`` is the member ``name`` of the JSON that the text at ``/content`` holds;
    where a member's name is what was found, it is left out.
    """
    pointer, within = finding.pointer, finding.within
    if finding.is_name:
        pointer, within = (pointer, _holder(within)) if within else (_holder(pointer), "")
        suffix = "/(name)"
    else:
        suffix = ""
    inner = f"#{collapsed(within)}" if within else ""
    return f"{collapsed(pointer)}{inner}{suffix}"[:MOST_POINTER]


def _holder(pointer: str) -> str:
    return pointer.rpartition("/")[0]


def _record(tenant_id: UUID, rules: NamespaceRules, rows: Sequence[Listed], call: Call) -> None:
    if rules.classification not in RECORDED:
        return
    draft = compose(
        actor=scanner(tenant_id),
        call=call,
        action="state.read_value",
        resource_type="entry",
        resource_id=str(rules.id),
        reason="Looked through for personal data and secrets.",
        namespace_id=rules.id,
        classification=rules.classification,
        personal={"keys": ",".join(row.key for row in rows)},
        extra={"operation": "scan", "entries": len(rows)},
    )
    run_flow(append(draft))


def _rows(statement: Statement) -> Flow[list[tuple[Any, ...]]]:
    return (yield statement)
