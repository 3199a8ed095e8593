"""Encryption of stored values: C33 to C36. What a value is under stands in its header."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from governance.compliance.acts import scanner
from governance.compliance.asking import rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Evidence, Item, Tally
from stateward.gate.audit.record import append, compose
from stateward.gate.keys.exceptions import CannotOpen, KeyDestroyed, KeysUnavailable
from stateward.gate.keys.framing import IDENTITY_END, PREAMBLE
from stateward.gate.keys.load import load_keys, load_keys_of, load_namespace_keys
from stateward.gate.keys.ring import KeyRing
from stateward.kernel.ids import uuid7
from stateward.state.entries import FIELD
from stateward.tenancy.actors import Call
from stateward.tenancy.scope import run_flow

AREA = "Encryption"
# Where in a sealed value the id of its key and the key's version stand; SQL counts from 1.
KEY_ID = f"substring({{value}} FROM {len(PREAMBLE) + 1} FOR 16)"
KEY_NAME = f"substring({{value}} FROM {len(PREAMBLE) + 1} FOR {IDENTITY_END - len(PREAMBLE)})"

RESTRICTED = f"""
SELECT n.name, count(e.key), count(e.key) FILTER (WHERE k.id IS NULL),
    EXISTS (SELECT FROM stateward_data_key a WHERE a.tenant_id = n.tenant_id
            AND a.namespace_id = n.id AND a.purpose = 'value' AND a.state = 'active')
FROM stateward_namespace n
LEFT JOIN stateward_entry e ON e.tenant_id = n.tenant_id AND e.namespace_id = n.id AND e.is_alive
LEFT JOIN (SELECT DISTINCT tenant_id, namespace_id, id, uuid_send(id) AS name
           FROM stateward_data_key) k
    ON k.tenant_id = n.tenant_id AND k.namespace_id = n.id AND k.name = {KEY_ID.format(value="e.value")}
WHERE n.tenant_id = %s AND n.deleted_at IS NULL AND n.classification = 'restricted'
GROUP BY n.tenant_id, n.id, n.name ORDER BY n.name
"""  # noqa: E501  # one condition
ACTIVE_KEYS = """
SELECT d.id, d.version, d.created_at, coalesce(n.name, 'the tenant''s own'), d.messages
FROM stateward_data_key d
LEFT JOIN stateward_namespace n ON n.tenant_id = d.tenant_id AND n.id = d.namespace_id
WHERE d.tenant_id = %s AND d.state = 'active' AND d.subject IS NULL AND n.deleted_at IS NULL
ORDER BY d.id, d.version
"""
EVERY_VERSION = """
SELECT d.id, d.version, d.messages, coalesce(n.name, 'the tenant''s own')
FROM stateward_data_key d
LEFT JOIN stateward_namespace n ON n.tenant_id = d.tenant_id AND n.id = d.namespace_id
WHERE d.tenant_id = %s ORDER BY d.id, d.version
"""
# Values that no usable version opens: of entries and of every revision that still has one.
STRANDED = f"""
SELECT v.namespace_id, n.name, v.under, v.many
FROM (
    SELECT namespace_id, {KEY_NAME.format(value="value")} AS under, count(*) AS many
    FROM (SELECT namespace_id, value FROM stateward_entry
          WHERE tenant_id = %s AND value IS NOT NULL
          UNION ALL SELECT namespace_id, value FROM stateward_revision
          WHERE tenant_id = %s AND value IS NOT NULL) AS held
    GROUP BY 1, 2
) v
LEFT JOIN stateward_namespace n ON n.tenant_id = %s AND n.id = v.namespace_id
WHERE NOT EXISTS (
    SELECT FROM stateward_data_key k
    WHERE k.tenant_id = %s AND k.namespace_id = v.namespace_id
      AND k.state IN ('active', 'decrypt_only')
      AND uuid_send(k.id) || int4send(k.version) = v.under)
  AND NOT EXISTS (  -- what was shredded is meant to stay shut
    SELECT FROM stateward_shred s
    WHERE s.tenant_id = %s AND uuid_send(s.key_id) = substring(v.under FOR 16))
ORDER BY n.name, v.under
"""
# Drawn anew each time, over every living value, without reading one.
SAMPLE = """
SELECT e.namespace_id, n.name, e.key, e.write_id, e.value, e.value_hash
FROM stateward_entry e
JOIN stateward_namespace n ON n.tenant_id = e.tenant_id AND n.id = e.namespace_id
WHERE e.tenant_id = %s AND (e.namespace_id, e.key) IN (
    SELECT namespace_id, key FROM stateward_entry
    WHERE tenant_id = %s AND is_alive AND value IS NOT NULL
    ORDER BY random() LIMIT %s)
ORDER BY e.namespace_id, e.key
"""
NO_NAMESPACE = "No namespace is restricted."


@check(
    "C33",
    "Restricted namespaces are encrypted under their own key",
    area=AREA,
    severity="critical",
    proves="Each restricted namespace has an active data key, and the header of every living value"
    " in it names a key of that namespace.",
    does_not_prove="That the key opens the value (C36), or anything about values in backups.",
)
def own_keys(ground: Ground) -> Answer:
    tally = Tally("restricted namespace,restricted namespaces")
    for name, entries, foreign, has_key in rows(RESTRICTED, (ground.tenant_id,)):
        faults = [] if has_key else ["It has no active key of its own."]
        if foreign:
            faults.append(f"{foreign} of {entries} values are under no key of it.")
        tally.add(Item("namespace", name, name, " ".join(faults)) if faults else None)
    return tally.answer(
        "are encrypted, each value under a key of its own namespace",
        "are not encrypted under a key of that namespace",
        nothing=NO_NAMESPACE,
    )


@check(
    "C34",
    "Data keys are young enough, and no value is under one that is gone",
    area=AREA,
    severity="high",
    proves="Every active data key is younger than allowed; every stored value, of entries and"
    " revisions, is under a version that can open it.",
    does_not_prove="That a key was never copied.",
)
def keys_young(ground: Ground) -> Answer:
    days = ground.number("data_key_age_days")
    since = ground.now - timedelta(days=days)
    tally = Tally("data key,data keys")
    for key_id, version, created, name, _ in rows(ACTIVE_KEYS, (ground.tenant_id,)):
        detail = f"Version {version} seals since {created:%d %b %Y}; at most {days} days."
        tally.add(_key(key_id, version, name, detail) if created < since else None)
    for _, name, under, many in rows(STRANDED, (ground.tenant_id,) * 5):
        detail = f"{many} values are under a version that no longer opens anything."
        tally.fail(Item("namespace", f"{name}/{bytes(under).hex()}", name or "gone", detail))
    return tally.answer(
        f"are younger than {days} days, and every value is under one that opens",
        "are too old, or no longer there for the values under them",
        nothing="The tenant has no data key.",
    )


@check(
    "C35",
    "No key has sealed too many messages",
    area=AREA,
    severity="high",
    proves="The counter of every key version is below the threshold at which it turns over.",
    does_not_prove="That a process which was killed had written down its last few counts.",
)
def messages_per_key(ground: Ground) -> Answer:
    most = ground.number("messages_per_key")
    tally = Tally("key version,key versions")
    for key_id, version, messages, name in rows(EVERY_VERSION, (ground.tenant_id,)):
        detail = f"Version {version} has sealed {messages:,} messages; fewer than {most:,}."
        tally.add(_key(key_id, version, name, detail) if messages >= most else None)
    return tally.answer(
        f"have sealed fewer than {most:,} messages",
        f"have sealed {most:,} messages or more",
        nothing="The tenant has no data key.",
    )


def _key(key_id: UUID, version: int, namespace: str, detail: str) -> Item:
    return Item("data_key", f"{key_id}/{version}", f"Data key of {namespace}", detail)


@check(
    "C36",
    "Values open in their place and in no other",
    area=AREA,
    severity="critical",
    proves="A random sample of living values opens, has the hash on record, and does not open under"
    " another key's name.",
    does_not_prove="Anything about values outside the sample. It is small; each scan draws anew.",
)
def sample_opens(ground: Ground) -> Answer:
    tenant_id = ground.tenant_id
    found = rows(SAMPLE, (tenant_id, tenant_id, ground.number("decrypt_sample")))
    tally = Tally("value of the sample,values of the sample")
    if found:
        # A decryption is on record before it happens, though nothing leaves this function.
        tally.evidence.append(_record_sample(ground, len(found)))
        ring = run_flow(load_keys(tenant_id))
        for row in found:
            run_flow(load_namespace_keys(ring, row[0]))
            run_flow(load_keys_of(ring, row[0], (row[4],)))
            fault = _fault_of(ring, row)
            label = f"A value in {row[1]}"
            bad = Item("namespace", f"{row[1]}/{row[3]}", label, fault)
            tally.add(bad if fault else None)
    return tally.answer(
        "opened in their place and in no other",
        "did not open as they should",
        nothing="The tenant holds no value.",
    )


def _fault_of(ring: KeyRing, row: tuple[Any, ...]) -> str:
    namespace_id, _, key, write_id, value, value_hash = row
    sealed = bytes(value)
    try:
        plaintext = ring.open(namespace_id, key, FIELD, write_id, sealed)
    except KeyDestroyed:
        return ""  # it was shredded, and is meant to stay shut
    except (CannotOpen, KeysUnavailable):
        return "It does not open: it was changed or moved, or its key is gone."
    if value_hash is None or ring.value_hash(plaintext) != bytes(value_hash):
        return "It opens, but is not the value whose hash is on record."
    try:
        ring.open(namespace_id, f"{key}-elsewhere", FIELD, write_id, sealed)
    except CannotOpen:
        return ""
    return "It opens under another key's name: it is not bound to its place."


def _record_sample(ground: Ground, many: int) -> Evidence:
    draft = compose(
        actor=scanner(ground.tenant_id, ground.tenant_slug),
        call=Call(request_id=str(uuid7())),
        action="compliance.manage",
        resource_type="tenant",
        resource_id=ground.tenant_slug,
        reason="A scan opens a sample of values to try the keys.",
        extra={"event": "compliance.sample_opened", "check": "C36", "values": many},
    )
    run_flow(append(draft))
    return Evidence("record", str(draft.id), "the sample's own record")
