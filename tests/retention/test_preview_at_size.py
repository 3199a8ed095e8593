"""A tenant of 100,000 keys: the preview is exact, and asks the database little."""

from __future__ import annotations

from collections import Counter

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from governance.retention.preview import look_at
from governance.retention.queries import database_time, newest_rules
from governance.retention.survey import PAGE
from stateward.state.keeping import SCAN
from stateward.tenancy.scope import tenant_scope
from tests.factories.retention import Keeper

KEYS = 100_000
FILL = """
INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, write_id, size_bytes,
    labels, created_at, updated_at, actor_type, actor_id, actor_name)
SELECT %s, %s, CASE WHEN n %% 10 = 0 THEN 'case-' ELSE 'note-' END || lpad(n::text, 7, '0'), 1,
    true, gen_random_uuid(), n %% 100, '{}', now() - make_interval(days => n %% 60),
    now() - make_interval(days => n %% 60), 'agent', %s, 'filler'
FROM generate_series(1, %s) n
"""


def test_a_hundred_thousand_keys_are_counted_exactly(keeper: Keeper, superuser: str) -> None:
    world = keeper.world
    with psycopg.connect(superuser, autocommit=True) as session:
        session.execute(FILL, (keeper.tenant_id, world.namespace.id, world.agent.id, KEYS))
        session.execute("ANALYZE stateward_entry")
    rule = keeper.rule("month", days=30)
    keeper.rule("cases", "retain", key_pattern="case-*", days=45)
    keeper.hold(key_pattern="note-00000*")
    expected: Counter[str] = Counter()
    for n in range(1, KEYS + 1):
        key = ("case-" if n % 10 == 0 else "note-") + f"{n:07}"
        if n % 60 < 30:
            continue
        if key.startswith("note-00000"):
            expected["held"] += 1
        elif key.startswith("case-") and n % 60 < 45:
            expected["retained"] += 1
        else:
            expected["due"] += 1
            expected["bytes"] += n % 100

    with tenant_scope(keeper.tenant_id), CaptureQueriesContext(connection) as asked:
        rules = newest_rules(keeper.tenant_id, database_time())
        found = look_at(keeper.tenant_id, rules)

    total = found.total
    assert {
        "held": total.held.entries, "retained": total.retained.entries,
        "due": total.due.entries, "bytes": total.due.bytes,
    } == expected  # fmt: skip
    assert found.looked_at == KEYS
    # A page each, and what is read once: clocks, rules, and each kind of configuration.
    assert len(asked) <= KEYS / PAGE + 11

    client = Client()
    client.force_login(keeper.member.person, settings.AUTHENTICATION_BACKENDS[0])
    form = {"kind": "delete", "days": 30, "clock": "created", "namespace": "notes", "note": ""}
    answer = client.post(f"/t/{world.tenant.slug}/retention/preview?rule={rule.rule.id}", form)
    page = " ".join(strip_tags(answer.content.decode()).split())
    assert f"It would delete {expected['due']:,} entries" in page
    assert f"{expected['held']} held and {expected['retained']:,} protected" in page

    plan = keeper.rows("EXPLAIN " + SCAN, keeper.tenant_id, world.namespace.id, "note-0050000", 100)
    (bound,) = [row[0] for row in plan if "Index Cond" in row[0]]
    assert "ROW(namespace_id, key) >" in bound  # no page pays for those before it
