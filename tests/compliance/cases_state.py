"""Cases of the checks about state: its keys, its history, its audit, how long it is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.test import override_settings

from stateward.kernel.clock import now
from stateward.kernel.ids import uuid7
from stateward.operations.backups.models import Backup, Drill
from stateward.tenancy.models import Agent, Tenant
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import connect, seal
from tests.backups.backup_world import back_up
from tests.compliance.case_book import (
    Expected,
    case,
    fails,
    insufficient,
    not_applicable,
    passes,
)
from tests.factories.state import World, actor_of, make_namespace
from tests.factories.tenants import make_agent

SEALS = Path(settings.HOME) / "seals"


def world_of(tenant: Tenant, **fields: Any) -> World:
    agent = make_agent(tenant, "builder")
    actor = actor_of(agent, tenant)
    return World(tenant, agent, actor, make_namespace(actor, **fields))


def as_superuser(sql: str, *parameters: Any) -> int:
    with connect(autocommit=True) as superuser:
        return superuser.execute(sql, parameters).rowcount


@case("C18")
def changes_recorded(tenant: Tenant) -> Iterator[Expected]:
    yield not_applicable()
    world = world_of(tenant)
    for number in range(3):
        world.put(f"k{number}", number)
    world.delete("k2")
    yield passes()
    gone = as_superuser(
        "DELETE FROM stateward_audit_record WHERE tenant_id = %s AND action = 'state.delete'",
        tenant.id,
    )
    assert gone == 1
    yield fails(world.namespace.id)


@case("C20")
def log_verifies(tenant: Tenant) -> Iterator[Expected]:
    yield insufficient()
    world = world_of(tenant)
    world.put("a", 1)
    seal(SEALS)
    yield passes()
    world.put("a", 2)
    seal(SEALS)
    yield passes()
    changed = "UPDATE stateward_audit_record SET record = record || ' ' WHERE {}"
    newest = "seq = (SELECT max(seq) FROM stateward_audit_record WHERE tenant_id = %s)"
    assert as_superuser(changed.format(newest), tenant.id) == 1
    yield fails("")
    mended = (
        "UPDATE stateward_audit_record"
        " SET record = substring(record FROM 1 FOR octet_length(record) - 1) WHERE {}"
    )
    as_superuser(mended.format(newest), tenant.id)
    yield passes()
    world.put("a", 3)
    older = "UPDATE stateward_audit_record SET at = at - interval '1 minute' WHERE {}"
    as_superuser(older.format(newest), tenant.id)
    as_superuser("UPDATE stateward_audit_progress SET caught_up_at = now() - interval '1 minute'")
    yield fails("late")
    seal(SEALS)
    yield passes()
    as_superuser("UPDATE stateward_audit_tree SET alarm = 'a fork' WHERE tenant_id = %s", tenant.id)
    yield fails("alarm")


@case("C22")
def records_kept(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    world.put("a", 1)
    seal(SEALS)
    yield not_applicable()
    with tenant_scope(tenant.id):
        Agent.objects.update(risk_class="high")
    yield passes()
    as_superuser("DELETE FROM stateward_audit_record WHERE tenant_id = %s", tenant.id)
    yield fails(world.agent.id)


@case("C33")
def own_keys(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    world.put("plain", 1)
    yield not_applicable()
    secret = world.another(classification="restricted")
    secret.put("card", "4111")
    yield passes()
    moved = as_superuser(
        "UPDATE stateward_entry SET value = (SELECT value FROM stateward_entry WHERE"
        " namespace_id = %s AND key = 'plain') WHERE namespace_id = %s",
        world.namespace.id,
        secret.namespace.id,
    )
    assert moved == 1
    yield fails(secret.namespace.name)


@case("C34")
def keys_young(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    world.put("a", 1)
    yield passes()
    old = "UPDATE stateward_data_key SET created_at = {} WHERE tenant_id = %s"
    as_superuser(old.format("now() - interval '400 days'"), tenant.id)
    yield fails("/1")
    as_superuser(old.format("now()"), tenant.id)
    yield passes()
    gone = "UPDATE stateward_data_key SET state = 'destroyed', wrapped = '' WHERE namespace_id = %s"
    as_superuser(gone, world.namespace.id)
    yield fails(world.namespace.name)


@case("C35")
def messages_per_key(tenant: Tenant) -> Iterator[Expected]:
    world_of(tenant).put("a", 1)
    yield passes()
    count = "UPDATE stateward_data_key SET messages = %s WHERE tenant_id = %s"
    as_superuser(count, (1 << 30) - 1, tenant.id)
    yield passes()
    as_superuser(count, 1 << 30, tenant.id)
    yield fails("/1")


@case("C36")
def sample_opens(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    yield not_applicable()
    world.put("a", 1)
    world.put("b", {"x": "y"})
    yield passes()
    swapped = as_superuser(
        "UPDATE stateward_entry SET value = (SELECT value FROM stateward_entry WHERE"
        " tenant_id = %s AND key = 'b') WHERE tenant_id = %s AND key = 'a'",
        tenant.id,
        tenant.id,
    )
    assert swapped == 1
    yield fails(world.namespace.name)


class SignInPage(BaseHTTPRequestHandler):
    headers_sent: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not to the test's output."""


@case("C37")
def transport(tenant: Tenant) -> Iterator[Expected]:
    with override_settings(PUBLIC_URL=""):
        yield insufficient()
    with override_settings(PUBLIC_URL="http://127.0.0.1:1"):
        yield insufficient()
    SignInPage.headers_sent = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self' 'nonce-x'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Set-Cookie": "stateward_session=x; HttpOnly; SameSite=Lax",
    }
    server = HTTPServer(("127.0.0.1", 0), SignInPage)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with override_settings(PUBLIC_URL=f"http://127.0.0.1:{server.server_port}"):
            yield passes()
            SignInPage.headers_sent["Content-Security-Policy"] += " 'unsafe-inline'"
            SignInPage.headers_sent["Set-Cookie"] = "stateward_session=x"
            yield fails("csp", "cookie stateward_session")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@case("C38")
def namespaces_ruled(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    yield fails(world.namespace.name)
    rule_for(tenant, "retain", world.namespace.name, days=30)
    yield passes()
    other = world.another()
    yield fails(other.namespace.name)


def rule_for(tenant: Tenant, kind: str, namespace: str, *, days: int) -> None:
    """A rule that has been in force for a year."""
    with connect(autocommit=True) as superuser:
        rule_id = uuid7()
        superuser.execute(
            "INSERT INTO stateward_retention_rule (id, tenant_id, name, kind, latest_version)"
            " VALUES (%s, %s, %s, %s, 1)",
            (rule_id, tenant.id, f"rule {rule_id}", kind),
        )
        superuser.execute(
            "INSERT INTO stateward_retention_version (id, tenant_id, rule_id, number, is_end,"
            " namespace, key_pattern, classification, label, clock, days, erase_audit, note,"
            " author_type, author_id, author_name, created_at, takes_effect_at)"
            " VALUES (%s, %s, %s, 1, false, %s, '', '', '', 'created', %s, false, '',"
            " 'system', %s, 'test', now() - interval '1 year', now() - interval '1 year')",
            (uuid7(), tenant.id, rule_id, namespace, days, uuid7()),
        )


@case("C39")
def nothing_overdue(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    world.put("a", 1)
    yield not_applicable()
    rule_for(tenant, "delete", world.namespace.name, days=30)
    yield passes()
    older = "UPDATE stateward_entry SET created_at = now() - interval '{}' WHERE tenant_id = %s"
    as_superuser(older.format("31 days"), tenant.id)
    yield passes()  # due since yesterday: the sweep may yet come
    as_superuser(older.format("33 days"), tenant.id)
    yield fails(world.namespace.name)
    hold_on(tenant, world.namespace.name, "1 hour")
    yield passes()


def hold_on(tenant: Tenant, namespace: str, ago: str, pattern: str = "") -> str:
    hold_id = uuid7()
    as_superuser(
        "INSERT INTO stateward_hold (id, tenant_id, matter, reason, namespace, key_pattern,"
        " custodian_type, custodian_name, placed_by_type, placed_by_id, placed_by_name, placed_at,"
        " released_by_type, released_by_name, release_reason)"
        " VALUES (%s, %s, 'DOT-114', 'x', %s, %s, '', '', 'system', %s, 'test',"
        f" now() - interval '{ago}', '', '', '')",
        hold_id,
        tenant.id,
        namespace,
        pattern,
        uuid7(),
    )
    return str(hold_id)


@case("C40")
def holds_held(tenant: Tenant) -> Iterator[Expected]:
    world = world_of(tenant)
    for key in ("a", "b"):
        world.put(key, 1)
        world.delete(key)
    yield not_applicable()
    hold_on(tenant, "elsewhere", "1 hour")
    hold_on(tenant, world.namespace.name, "1 hour", pattern="z*")
    hold_on(tenant, world.namespace.name, "0 seconds")
    yield passes()
    broken = hold_on(tenant, world.namespace.name, "1 hour", pattern="b*")
    yield fails(broken)
    as_superuser("UPDATE stateward_hold SET released_at = placed_at WHERE id = %s", broken)
    yield passes()
    as_superuser(
        "UPDATE stateward_namespace SET deleted_at = now() WHERE tenant_id = %s", tenant.id
    )
    yield passes()
    broken = hold_on(tenant, "", "1 hour")
    yield fails(broken)


@case("C45")
def backup_recent(tenant: Tenant) -> Iterator[Expected]:
    yield insufficient()
    Tenant.objects.filter(id=tenant.id).update(created_at=now() - timedelta(days=40))
    yield fails(tenant.slug)
    with tenant_scope(tenant.id):
        done = Backup.objects.create(
            tenant=tenant, state="done", name="x", store="x", taken_at=now() - timedelta(hours=2)
        )
        yield_after = Backup.objects.filter(id=done.id)
    yield passes()
    with tenant_scope(tenant.id):
        yield_after.update(taken_at=now() - timedelta(hours=30))
    yield fails(tenant.slug)


@case("C46")
def drill_passed(tenant: Tenant) -> Iterator[Expected]:
    yield insufficient()
    Tenant.objects.filter(id=tenant.id).update(created_at=now() - timedelta(days=40))
    yield fails(tenant.slug)
    with tenant_scope(tenant.id):
        drill = Drill.objects.create(tenant=tenant, state="passed", restore_seconds=12.5)
    yield passes()
    with tenant_scope(tenant.id):
        Drill.objects.filter(id=drill.id).update(restore_seconds=100_000)
    yield fails(tenant.slug)
    with tenant_scope(tenant.id):
        Drill.objects.filter(id=drill.id).update(restore_seconds=3)
        Drill.objects.create(tenant=tenant, state="failed", error="it did not open")
    yield fails(tenant.slug)
    with tenant_scope(tenant.id):
        Drill.objects.filter(tenant=tenant, state="failed").delete()
        Drill.objects.filter(id=drill.id).update(started_at=now() - timedelta(days=9))
    yield fails(tenant.slug)


@case("C47")
def backup_sealed(tenant: Tenant) -> Iterator[Expected]:
    yield insufficient()
    world = world_of(tenant)
    world.put("a", 1)
    folder = Path(settings.HOME) / f"backups-{tenant.id}"
    folder.mkdir()
    made = back_up(tenant.id, folder)
    with tenant_scope(tenant.id):
        Backup.objects.create(
            tenant=tenant,
            state="done",
            name=made.name,
            store=str(folder),
            taken_at=now(),
            sha256="x" * 64,
        )
    yield passes()
    with override_settings(ROOT_KEY_FILE=str(folder / "root.key")):
        yield fails("root-key")
    part = made.path / "stateward_entry.part"
    sealed = part.read_bytes()
    part.write_bytes(b'{"card": "4111"}')
    yield fails("stateward_entry.part")
    part.write_bytes(sealed)
    yield passes()
    part.unlink()
    yield fails("archive")


@case("C48")
def nothing_runs_out(tenant: Tenant) -> Iterator[Expected]:
    yield not_applicable()
    plan_with(tenant, 2_000_000_000)
    yield insufficient()
    as_superuser(
        "INSERT INTO stateward_storage_day (tenant_id, day, dimension, subject, label, entries,"
        " bytes, revisions, revision_bytes, seconds) SELECT %s, current_date - n,"
        " 'tenant', %s, '', 100, 1000000 - n * 1000, 200, 0, 3600 FROM generate_series(0, 29) n",
        tenant.id,
        tenant.id,
    )
    yield passes()
    plan_with(tenant, 1_010_000)
    yield fails("bytes")
    plan_with(tenant, 900_000)
    yield fails("bytes")


def plan_with(tenant: Tenant, most: int) -> None:
    as_superuser(
        "INSERT INTO stateward_capacity_quota (tenant_id, entries, bytes) VALUES (%s, 1000000, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET bytes = excluded.bytes",
        tenant.id,
        most,
    )
