"""What the audit's tests share: records to seal, a sealer at hand, the database as a superuser."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from stateward.gate.audit.memory import Memory
from stateward.gate.audit.record import append, compose
from stateward.gate.audit.sealer import LEASE, Watch
from stateward.gate.audit.sealing_key import sealing_key
from stateward.gate.sequence.lease import acquire, release
from stateward.gate.sequence.serving import LEASE_SECONDS, drive
from stateward.kernel.ids import uuid7
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import run_flow
from tests.patience import PATIENCE

Session = psycopg.Connection[Any]


def connect(role: str = "SUPERUSER", **options: Any) -> Session:
    return psycopg.connect(os.environ[f"STATEWARD_{role}_DATABASE_URL"], **options)


def an_agent(tenant_id: UUID | None = None, name: str = "booker") -> Actor:
    return Actor(
        type="agent", id=uuid7(), name=name, tenant_id=tenant_id or uuid7(),
        tenant_slug="airline", roles=("builder",), credential_id=uuid7(),
    )  # fmt: skip


def a_call(**more: Any) -> Call:
    return Call(**{"request_id": f"r-{uuid7()}", "source_address": "192.0.2.7"} | more)


def write_records(actor: Actor, count: int, **more: Any) -> list[UUID]:
    """So many records of one actor, each committed by itself; their ids in order."""
    ids = []
    for number in range(count):
        named = {"action": "state.write", "resource_type": "entry", "resource_id": "n"}
        named |= {"personal": {"key": f"key-{number}"}, "extra": {"number": number}} | more
        draft = compose(actor=actor, call=a_call(), **named)
        run_flow(append(draft))
        ids.append(draft.id)
    return ids


@contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    """The sealer, in this process: call ``tick`` and ``seal`` by hand."""
    with connect("SEQUENCER", autocommit=True) as session:
        token = wait_for(lambda: drive(session, acquire(LEASE, "test", LEASE_SECONDS)))
        signer = drive(session, sealing_key(may_create=True))
        yield Watch(session, token, Memory(folder), signer)
        drive(session, release(LEASE, token))


def seal(folder: Path) -> None:
    """Seal all that is committed."""
    with watching(folder) as watch:
        watch.tick()
        watch.seal()


def wait_for(question: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true answer."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.05)
    return answer
