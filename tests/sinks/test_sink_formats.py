"""What a record looks like to the other side: one line, whole, harmless."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.sinks.formats import FORMATS, ocsf, within
from stateward.gate.audit.queries import AuditRecord
from stateward.gate.audit.record import canonical, compose
from stateward.gate.audit.stream import Placed
from stateward.gate.audit.verify import leaf_hash
from stateward.gate.policy.vocabulary import ACTIONS
from stateward.kernel.clock import now
from stateward.tenancy.actors import Actor, Call

ACTOR = Actor("agent", uuid4(), "booker", uuid4(), "airline", ("writer",))
# What each class asks for, as the published schema has it.
REQUIRED = {
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "time",
    "type_uid",
}
OF_CLASS = {
    2003: {"finding_info"}, 2004: {"finding_info"}, 3001: {"user"}, 3002: {"user"}, 3003: {"user"},
    3004: {"entity"}, 3005: {"user"}, 3006: {"group"}, 6003: {"actor", "api", "src_endpoint"},
    6005: {"actor", "database", "src_endpoint"},
}  # fmt: skip


def placed(
    action: str = "state.write", key: str = "k", name: str = "booker", **more: Any
) -> Placed:
    named = {"resource_type": "entry", "resource_id": str(uuid4()), "personal": {"key": key}} | more
    actor = Actor("agent", ACTOR.id, name, ACTOR.tenant_id, "airline", ("writer",))
    call = Call("r-1", "192.0.2.7", purpose="=cmd()", run="run-1")
    draft = compose(actor=actor, call=call, action=action, **named)
    sealed = draft.head + b'2026-11-21T09:00:00.000000Z","before_hash":null' + draft.middle + b"1}"
    record = AuditRecord(
        draft.id, now(), 1, draft.action, draft.outcome, draft.actor_type, draft.actor_id,
        draft.actor_name, draft.resource_type, draft.resource_id, draft.namespace_id,
        draft.classification, None, draft.request_id, draft.run, sealed, draft.payload,
    )  # fmt: skip
    return Placed(7, leaf_hash(sealed), record)


NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    "＝1",
    "a\nb",
    "a\r\nb",
    "\u202eevil",
    "a\u2028b",
    'x"y',
]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", NASTY)
def test_nothing_breaks_out_of_its_line(name: str, text: str) -> None:
    """F40."""
    line = FORMATS[name].record(placed(key=text, name=text), True)

    assert b"\n" not in line
    assert b"\r" not in line


@pytest.mark.parametrize("text", NASTY[:7])
def test_no_cell_is_a_formula(text: str) -> None:
    """F79."""
    form = FORMATS["csv"]
    line = form.record(placed(key=text, name=text), True)
    heading, row = csv.reader(io.StringIO(f"{form.heading.decode()}\n{line.decode()}\n"))
    cells = dict(zip(heading, row, strict=True))

    assert len(row) == len(heading)
    assert all(not cell or cell[0] not in "=+-@\t\r＝" for cell in row)
    assert cells["purpose"] == "'=cmd()"


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_one_row_of_as_many_cells(key: str, name: str) -> None:
    line = FORMATS["csv"].record(placed(key=key, name=name), True)

    (row,) = csv.reader(io.StringIO(line.decode() + "\n"))
    assert len(row) == len(FORMATS["csv"].heading.split(b","))


@pytest.mark.parametrize("action", [*ACTIONS, "account.signed_in", "state.expire", "odd.thing"])
def test_an_event_has_what_its_class_asks_for(action: str) -> None:
    event = json.loads(FORMATS["ocsf"].record(placed(action), True))

    assert event.keys() >= REQUIRED
    assert event.keys() >= OF_CLASS[event["class_uid"]]
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["category_uid"] == event["class_uid"] // 1000


def test_the_event_carries_the_record_byte_for_byte() -> None:
    one = placed()
    event = json.loads(FORMATS["ocsf"].record(one, False))

    assert leaf_hash(event["raw_data"].encode()) == one.leaf
    assert event["src_endpoint"] == {"name": "withheld"}
    assert "192.0.2.7" not in json.dumps(event)


def test_a_denial_is_a_failure() -> None:
    event = json.loads(FORMATS["ocsf"].record(placed(outcome="deny_forbid"), False))

    assert (event["status_id"], event["severity_id"], event["status_code"]) == (2, 3, "deny_forbid")


def test_what_happened_is_the_activity() -> None:
    opened = placed("alert.manage", extra={"event": "alert.resolved"})
    given_away = placed("grant.manage", extra={"event": "grant.revoked"})

    assert ocsf.event(opened, False)["type_uid"] == 200403
    assert ocsf.event(given_away, False)["type_uid"] == 300502


@pytest.mark.parametrize("name", FORMATS)
def test_a_line_over_the_limit_says_what_it_was(name: str) -> None:
    one = placed(extra={"text": ["x" * 1000] * 8})
    line = FORMATS[name].record(one, True)

    cut = within(line, one, 600)

    assert len(cut) <= 600 or cut == line
    if cut != line:
        assert json.loads(cut)["cut"]["bytes"] == len(line)
        assert json.loads(cut)["leaf"] == one.leaf.hex()


@pytest.mark.parametrize("name", FORMATS)
def test_a_checkpoint_is_one_line_too(name: str) -> None:
    line = FORMATS[name].checkpoint(3, "origin\n3\nroot\n\n— key sig\n")

    assert b"\n" not in line


def test_the_record_in_ours_is_the_sealed_bytes() -> None:
    one = placed()
    assert one.record is not None
    line = FORMATS["ndjson"].record(one, False)

    assert line.endswith(b',"record":' + one.record.record + b"}")
    assert canonical(json.loads(line)["record"]) == one.record.record
