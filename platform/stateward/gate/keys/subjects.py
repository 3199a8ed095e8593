"""A data key for each person a namespace's values are about, so that one can be erased alone.

Who that is stands in the value, or in the key, where the namespace's setting says. The database
knows a subject only by HMAC-SHA256 under the tenant's hash key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stateward.gate.keys.load import load_namespace_keys, load_subject_key
from stateward.gate.keys.ring import KeyRing
from stateward.gate.keys.services import add_subject_key
from stateward.kernel.flow import Flow, Statement

MAX_PATH = 512
MAX_SUBJECT = 512  # characters of what names a person; longer ones are no names
HOLE = "{}"
PUT = """
INSERT INTO stateward_subject_rule (tenant_id, namespace_id, path) VALUES (%s, %s, %s)
ON CONFLICT (tenant_id, namespace_id) DO UPDATE SET path = excluded.path
"""
DROP = "DELETE FROM stateward_subject_rule WHERE tenant_id = %s AND namespace_id = %s"
FIND = "SELECT path FROM stateward_subject_rule WHERE tenant_id = %s AND namespace_id = %s"


@dataclass(frozen=True, slots=True)
class SubjectRule:
    """Where the person is named: ``path`` is a JSON pointer, or a key with ``{}`` in it."""

    path: str

    def subject_of(self, key: str, value: Any) -> str | None:
        """Who the value under the key is about; None where it names nobody."""
        found = self._in_value(value) if self.path.startswith("/") else self._in_key(key)
        return found if found and len(found) <= MAX_SUBJECT else None

    def _in_value(self, value: Any) -> str | None:
        for step in self.path.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict):
                value = value.get(name)
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                return None
        if isinstance(value, str):
            return value
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if is_number else None

    def _in_key(self, key: str) -> str | None:
        before, _, behind = self.path.partition(HOLE)
        fits = key.startswith(before) and key.endswith(behind)
        return key[len(before) : len(key) - len(behind)] if fits else None


def fault_of(path: str) -> str:
    """What is wrong with a rule's path; empty where nothing is."""
    if not 0 < len(path) <= MAX_PATH:
        return f"1 to {MAX_PATH} characters"
    if not path.startswith("/") and path.count(HOLE) != 1:
        return "a JSON pointer (/customer/id), or a key with one {} in it (customer.{})"
    return ""


def find_subject_rule(tenant_id: UUID, namespace_id: UUID) -> Flow[str | None]:
    rows = yield Statement(FIND, (tenant_id, namespace_id))
    return str(rows[0][0]) if rows else None


def put_subject_rule(tenant_id: UUID, namespace_id: UUID, path: str | None) -> Flow[None]:
    """From the next write on; None: no keys of subjects any more. Whoever calls raises the epoch of
    namespaces.
    """
    if path is None:
        yield Statement(DROP, (tenant_id, namespace_id))
    else:
        yield Statement(PUT, (tenant_id, namespace_id, path))


def subject_for(
    ring: KeyRing, namespace_id: UUID, rule: SubjectRule | None, key: str, value: Any
) -> Flow[bytes | None]:
    """What ``ring.seal`` is to be given for this value: the hash of whom it is about, whose key the
    ring then has.
    """
    subject = None if rule is None else rule.subject_of(key, value)
    if subject is None:
        return None
    return (yield from ensure_subject_key(ring, namespace_id, subject))


def ensure_subject_key(ring: KeyRing, namespace_id: UUID, subject: str) -> Flow[bytes]:
    """The subject's hash, for ``ring.seal``; its key is in the ring, made if there never was one.
    KeysUnavailable where the namespace has no active key.

    A key that is made stays, whatever becomes of the write: it seals nothing by itself.
    """
    yield from load_namespace_keys(ring, namespace_id)
    ring.active_version(namespace_id)  # a namespace whose key is gone gets none for its people
    name = ring.subject_hash(subject)
    if ring.knows_subject(namespace_id, name):
        return name
    yield from load_subject_key(ring, namespace_id, name)
    if not ring.knows_subject(namespace_id, name):
        yield from add_subject_key(ring, namespace_id, name)
        yield from load_subject_key(ring, namespace_id, name)
    ring.expect_subjects(namespace_id)
    return name
