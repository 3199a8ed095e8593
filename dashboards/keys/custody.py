"""Custody of keys: what each opens, how old and worn it is, and what is lost with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from dashboards.permissions import may
from dashboards.requests import ConsoleRequest, Crumb, address, page
from governance.keys import queries
from governance.keys.queries import Custody, Exposed
from governance.keys.services import REENCRYPT, find_version
from stateward.kernel.clock import rfc3339
from stateward.operations.jobs.queries import latest_runs
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.csvfile import csv_response

ROWS = 60
VALUES = 100
MOST_CSV = 200_000
HEADINGS = ("key", "version", "written at", "operation", "bytes", "still under it", "value kept")


@page
def keys(request: ConsoleRequest) -> HttpResponse:
    """Every namespace's key, the tenant's and the root."""
    after = request.GET.get("cursor", "")[:640]
    found, following = queries.custodies(request.actor, request.call, after=after, limit=ROWS)
    wrapping = queries.tenant_keys(request.actor, request.call)
    ledger = queries.shred_ledger(request.actor, request.call)
    with tenant_scope(request.tenant.tenant_id):
        waiting = list(
            queries.destructions(request.actor, request.call).filter(state="waiting")[:20]
        )
        may_rotate = may(request, "key.rotate").allowed
        may_destroy = may(request, "key.destroy").allowed
    context = {
        "rows": [_row(one) for one in found],
        "said": _said(found, following),
        "tenant_key": wrapping[0] if wrapping else None,
        "former": len([one for one in wrapping[1:] if one.state == "decrypt_only"]),
        "root": queries.root_fingerprint(),
        "root_place": settings.ROOT_KEY_PLACE,
        "waiting": waiting,
        "shreds": [one.body for one in ledger[-8:]][::-1],
        "shred_count": len(ledger),
        "may_rotate": may_rotate,
        "may_destroy": may_destroy,
        "next_cursor": following,
        "cursor": after,
        "crumbs": [Crumb("Keys")],
    }
    return render(request, "keys/keys.html", context)


@page
def key(request: ConsoleRequest, namespace: str) -> HttpResponse:
    """One namespace's key: what dies with it, its versions, and what can be done."""
    found = queries.custody_of(request.actor, request.call, namespace)
    subjects, shredded = queries.subjects_of(found.namespace)
    with tenant_scope(request.tenant.tenant_id):
        last = run_flow(latest_runs([REENCRYPT], request.tenant.tenant_id))
        may_rotate = may(request, "key.rotate").allowed
        may_destroy = may(request, "key.destroy").allowed
        may_rule = may(request, "namespace.update").allowed
    context = {
        **_row(found),
        "name": namespace,
        "versions": [{"one": one, "values": found.under(one)} for one in found.versions],
        "rule": queries.subject_rule_of(found.namespace),
        "may_rule": may_rule,
        "subjects": subjects,
        "subjects_shredded": shredded,
        "run": next((one for (name, _), one in last.items() if name == REENCRYPT), None),
        "is_moving": found.state == "moving",
        "may_rotate": may_rotate,
        "may_destroy": may_destroy,
        "crumbs": [Crumb("Keys", address(request, "keys")), Crumb(namespace)],
    }
    return render(request, "keys/key.html", context)


@page
def under(request: ConsoleRequest, namespace: str, version: int) -> HttpResponse:
    """Every value that was under a version: what somebody who has it may have read."""
    cursor = request.GET.get("cursor", "")[:200]
    after = _place(cursor)
    rows, following = queries.exposed_rows(
        request.actor, request.call, namespace, version, after=after, limit=VALUES
    )
    custody = queries.custody_of(request.actor, request.call, namespace)
    with tenant_scope(request.tenant.tenant_id):
        found = find_version(custody.namespace, version)
        may_rotate = may(request, "key.rotate").allowed
    context = {
        "name": namespace,
        "version": found,
        "rows": rows,
        "still": sum(one.is_still for one in rows),
        "may_rotate": may_rotate,
        "next_cursor": f"{following[0].isoformat()}~{following[1]}" if following else None,
        "cursor": cursor,
        "crumbs": [
            Crumb("Keys", address(request, "keys")),
            Crumb(namespace, address(request, "key", namespace)),
            Crumb(f"Version {version}"),
        ],
    }
    return render(request, "keys/values.html", context)


@page
def under_csv(request: ConsoleRequest, namespace: str, version: int) -> StreamingHttpResponse:
    """The same as a table, all of it."""
    rows = list(_all(request, namespace, version))
    name = f"{request.tenant.tenant_slug}-{namespace}-under-version-{version}"
    return csv_response(name, HEADINGS, rows)


def _all(request: ConsoleRequest, namespace: str, version: int) -> Iterator[tuple[Any, ...]]:
    after, many = (queries.EARLIEST, queries.NOBODY), 0
    while True:
        rows, following = queries.exposed_rows(
            request.actor, request.call, namespace, version, after=after, limit=1000
        )
        yield from map(_cells, rows)
        many += len(rows)
        if following is None or many >= MOST_CSV:
            return
        after = following


def _cells(one: Exposed) -> tuple[Any, ...]:
    return (
        one.key, one.version, rfc3339(one.at), one.operation, one.size_bytes,
        "yes" if one.is_still else "no", "yes" if one.has_value else "no",
    )  # fmt: skip


def _row(one: Custody) -> dict[str, Any]:
    return {
        "custody": one,
        "namespace": one.namespace,
        "active": one.active,
        "entries": one.rows("entries"),
        "revisions": one.rows("revisions"),
        "others": sum(
            count.rows for count in one.counts if count.store not in ("entries", "revisions")
        ),
    }


def _said(found: list[Custody], following: str | None) -> str:
    if not found:
        return "No namespace yet, and so no data key."
    more = "At least " if following else ""
    names = "1 namespace has a key" if len(found) == 1 else f"{len(found)} namespaces have a key"
    said = [f"{more}{names} of its own." if len(found) == 1 else f"{more}{names} of their own."]
    bad = sum(one.is_compromised for one in found)
    moving = sum(one.state == "moving" for one in found)
    if bad:
        said.append(f"{bad} {'is' if bad == 1 else 'are'} compromised.")
    if moving:
        said.append(f"Old values of {moving} are still to be sealed anew.")
    if not bad and not moving:
        said.append("Nothing waits to be sealed anew.")
    return " ".join(said)


def _place(text: str) -> tuple[datetime, UUID]:
    at, _, row_id = text.partition("~")
    try:
        return datetime.fromisoformat(at), UUID(row_id)
    except ValueError:
        return queries.EARLIEST, queries.NOBODY
