"""A namespace's whole past: any cut equals what there was, transactions are in it whole or not at
all, and asking again gives the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jsonpatch
import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stateward.kernel.errors import Malformed
from stateward.state import past
from stateward.state.cuts import Cut, cut_at, cut_now, parse_moment
from stateward.state.statements import REVISION
from stateward.tenancy.scope import tenant_scope
from tests.factories.state import CALL, World, make_namespace
from tests.servers import database_url
from tests.state.conftest import Sessions

State = dict[str, Any]


def state_at(world: World, cut: Cut, **how: Any) -> State:
    """Every entry of the namespace at the cut, by pages of two."""
    found: State = {}
    after: str | None = ""
    while after is not None:
        page = world.run(
            past.list_entries_at(
                world.actor, CALL, world.namespace.name, cut, after=after, limit=2, **how
            )
        )
        assert not page.lost
        found |= {entry.key: entry.value for entry in page.entries}
        after = page.next_after
    return found


def difference(world: World, before: Cut, after: Cut) -> list[past.Difference]:
    items: list[past.Difference] = []
    place: str | None = ""
    while place is not None:
        page = world.run(
            past.compare_cuts(
                world.actor, CALL, world.namespace.name, before, after, after=place, limit=3
            )
        )
        items += page.items
        place = page.next_after
    return items


def anew(world: World) -> World:
    return replace(world, namespace=make_namespace(world.actor, f"cuts.n{uuid4().hex}"))


ACTS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.none() | st.integers(0, 9)), min_size=1, max_size=10
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS)
def test_any_cut_is_what_there_was_and_differences_lead_from_one_to_another(
    world: World, acts: list[tuple[str, int | None]]
) -> None:
    fresh, model = anew(world), {}
    moments: list[tuple[Cut, State]] = [(fresh.run(cut_now()), {})]
    for key, value in acts:
        if value is not None:
            fresh.put(key, {"n": value})
            model[key] = {"n": value}
        elif model.pop(key, None) is not None:
            fresh.delete(key)
        moments.append((fresh.run(cut_now()), dict(model)))

    for cut, then in moments:
        assert state_at(fresh, cut) == then
    for before, was in (moments[0], moments[-1]):
        for after, becomes in (moments[len(moments) // 2], moments[-1]):
            told = {item.key: item for item in difference(fresh, before, after)}
            changed = {key for key in was | becomes if was.get(key) != becomes.get(key)}
            assert set(told) == changed
            for key, item in told.items():
                assert jsonpatch.apply_patch(was.get(key), item.patch) == becomes.get(key)


def test_a_time_gives_what_each_entry_was_then(world: World) -> None:
    first = world.put("a", 1).entry
    second = world.put("b", 2).entry
    world.put("a", 3)
    world.delete("b")
    assert first is not None
    assert second is not None

    def at(moment: datetime) -> State:
        return state_at(world, world.run(cut_at(moment)))

    assert at(first.updated_at) == {"a": 1}
    assert at(second.updated_at) == {"a": 1, "b": 2}
    assert at(first.updated_at - timedelta(microseconds=1)) == {}
    assert at(datetime.now(UTC) + timedelta(days=1)) == {"a": 3}


def test_an_entry_past_its_time_is_not_in_a_cut_after_it(world: World) -> None:
    entry = world.put("a", 1, ttl_seconds=100.0).entry
    assert entry is not None
    assert entry.expires_at is not None
    cut = world.run(cut_now())

    assert state_at(world, cut) == {"a": 1}
    assert state_at(world, cut._replace(when=entry.expires_at)) == {}


def test_a_transaction_that_lasts_is_wholly_out_of_the_cut_that_began_before_it_ended(
    world: World, sessions: Sessions
) -> None:
    """It has its time before the cut and commits after it: a cut by time alone would change."""
    for key in ("a", "b"):
        world.put(key, "before")
    slow = sessions()
    for key in ("a", "b"):
        slow.execute(COPY_ON, (world.tenant.id, world.namespace.id, key))
    cut = world.run(cut_now())
    timed = world.run(cut_at(datetime.now(UTC)))

    slow.commit()

    assert state_at(world, cut) == {"a": "before", "b": "before"}
    assert state_at(world, timed) == {"a": "before", "b": "before"}
    assert [item.key for item in difference(world, cut, world.run(cut_now()))] == []
    page = world.run(past.differing(world.tenant.id, *two_sides(world, cut), keys=["a", "b"]))
    assert [(row.before_version, row.version) for row in page] == [(1, 2), (1, 2)]


# The entry's newest revision once more, under the next version, as a session of its own writes it.
COPY_ON = """
WITH moved AS (
    UPDATE stateward_entry SET version = version + 1, updated_at = clock_timestamp(),
        write_id = gen_random_uuid()
    WHERE tenant_id = %s AND namespace_id = %s AND key = %s RETURNING *)
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation,
    value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, updated_at, write_id, namespace_id, key, version, 'put', value_hash, size_bytes,
    labels, created_at, actor_type, actor_id, actor_name FROM moved
"""


def two_sides(world: World, cut: Cut) -> tuple[past.Side, past.Side]:
    place = world.namespace.id
    return past.Side(place, cut), past.Side(place, world.run(cut_now()))


def test_what_came_back_from_a_backup_is_judged_among_its_own(world: World) -> None:
    """Transaction ids of another installation mean nothing here: who came back once more is older
    than all that is written now, and later than nothing of it.
    """
    world.put("a", "then")
    then = world.run(cut_now())
    world.put("a", "later, there")
    come_back(world)
    world.put("a", "here")

    assert state_at(world, then._replace(restores=1)) == {"a": "then"}
    assert state_at(world, world.run(cut_now())) == {"a": "here"}


def come_back(world: World) -> None:
    """As a restore leaves revisions: those of the archive count one restore more."""
    about = connection.settings_dict
    with psycopg.connect(database_url("postgres", int(about["PORT"]), about["NAME"])) as session:
        session.execute(
            "UPDATE stateward_revision SET restores = restores + 1 WHERE namespace_id = %s",
            (world.namespace.id,),
        )


def test_a_position_is_told_from_a_time_and_from_nonsense() -> None:
    cut = Cut("5:9:6,8", datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), 2)

    assert parse_moment(cut.position, name="as_of") == cut
    assert parse_moment("2026-01-02T00:00:00Z", name="as_of") == cut.until
    for snapshot in ("9:5:", "5:9:8,6", "5:9:9", "5:9:6,", "0:1:", "x", "1:99999999999999999999:"):
        with pytest.raises(Malformed):
            parse_moment(cut._replace(snapshot=snapshot).position, name="as_of")
    for text in ("", "yesterday", "WyI", cut.position[:-2], "9999"):
        with pytest.raises(Malformed):
            parse_moment(text, name="as_of")


MANY = 5_000
# As many later revisions of one key as in years of use, and as many keys beside it.
LATER = """
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation,
    value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, at + n * interval '1 microsecond', gen_random_uuid(), namespace_id, key,
    version + n, 'put', value_hash, size_bytes, labels, created_at, actor_type, actor_id, actor_name
FROM stateward_revision, generate_series(1, %(many)s) n
WHERE tenant_id = %(tenant)s AND namespace_id = %(namespace)s AND key = 'hot'
"""
NEWEST = """
UPDATE stateward_entry e SET version = r.version, updated_at = r.at, write_id = r.id
FROM (SELECT * FROM stateward_revision WHERE tenant_id = %(tenant)s
      AND namespace_id = %(namespace)s AND key = 'hot' ORDER BY version DESC LIMIT 1) r
WHERE e.tenant_id = r.tenant_id AND e.namespace_id = r.namespace_id AND e.key = r.key
"""
BESIDE = """
WITH made AS (
    INSERT INTO stateward_entry (tenant_id, namespace_id, key, version, is_alive, write_id,
        size_bytes, labels, created_at, updated_at, actor_type, actor_id, actor_name)
    SELECT %(tenant)s, %(namespace)s, 'k' || n, 1, true, gen_random_uuid(), 1, '{}', now(), now(),
        'agent', %(agent)s, 'a' FROM generate_series(1, %(many)s) n RETURNING *)
INSERT INTO stateward_revision (tenant_id, at, id, namespace_id, key, version, operation,
    size_bytes, labels, created_at, actor_type, actor_id, actor_name)
SELECT tenant_id, updated_at, write_id, namespace_id, key, version, 'put', size_bytes, labels,
    created_at, actor_type, actor_id, actor_name FROM made
"""
# What this transaction has read of both tables so far, by whatever way.
TOUCHED = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
FROM pg_stat_xact_user_tables WHERE relname ~ '^stateward_(entry|revision)'
"""


def test_a_page_of_the_past_and_an_old_version_cost_the_same_however_long_the_history(
    world: World,
) -> None:
    """Rows read, counted by the database: not time."""
    world.put("hot", 1)
    cut = world.run(cut_now())
    about = {
        "tenant": world.tenant.id, "namespace": world.namespace.id, "agent": world.agent.id,
        "many": MANY,
    }  # fmt: skip

    def touched() -> int:
        cursor.execute(TOUCHED)
        return int(cursor.fetchone()[0] or 0)

    with tenant_scope(world.tenant.id), connection.cursor() as cursor:
        for text in (LATER, NEWEST, BESIDE):
            cursor.execute(text, about)
        page = past.CUT_WITHOUT_VALUES
        when = {"restores": 0, "snapshot": cut.snapshot, "at": None, "when": cut.when}
        rest = {"after": "", "prefix": "h", "until": "i", "labels": None, "limit": 100}
        before = touched()
        cursor.execute(page, about | when | rest)
        assert [row[0] for row in cursor.fetchall()] == ["hot"]
        # Its own row twice, the strides and the halves, and the revision itself.
        assert touched() - before <= 3 + 2 * MANY.bit_length()

        # A snapshot in which this very transaction is over.
        cursor.execute("SELECT pg_current_xact_id()::text::bigint + 1")
        later = {"snapshot": "{0}:{0}:".format(*cursor.fetchone())}
        before = touched()
        cursor.execute(page, about | when | later | rest | {"prefix": "k", "until": "l"})
        assert len(cursor.fetchall()) == 100
        assert touched() - before <= 5 * 100
        for version in (1, MANY // 2, MANY):
            before = touched()
            cursor.execute(REVISION, (world.tenant.id, world.namespace.id, "hot", version))
            assert len(cursor.fetchall()) == 1
            assert touched() - before == 1
