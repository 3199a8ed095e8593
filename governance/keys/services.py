"""Turning keys over, saying that one is compromised, having old values sealed anew: decide, write,
record.
"""

from __future__ import annotations

from uuid import UUID

from governance.keys.acts import key_of
from governance.keys.exceptions import KeyGone, NoSuchVersion
from governance.keys.stores import Under, count_all
from governance.keys.usage import note_counts
from stateward.gate.keys.exceptions import KeysUnavailable
from stateward.gate.keys.services import rotate_namespace_key
from stateward.gate.keys.subjects import fault_of, put_subject_rule
from stateward.gate.keys.tenant_keys import rotate_tenant_key
from stateward.gate.keys.versions import (
    KeyVersion,
    flag_compromised,
    namespace_versions,
    raise_key_epoch,
)
from stateward.gate.policy.permits import permit, record, whole_tenant
from stateward.kernel.errors import unfit
from stateward.operations.jobs.services import start
from stateward.state.models import Namespace
from stateward.state.services.namespaces import find_namespace, permit_update
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import run_flow, tenant_scope

REENCRYPT = "keys.reencrypt"
MAX_REASON = 1_000


def rotate_key(actor: Actor, call: Call, name: str, *, reason: str = "asked for") -> int:
    """Seal what is written to the namespace from now on under a new version, and begin to seal old
    values anew. The new version.
    """
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        decision = permit(actor, call, "key.rotate", key_of(namespace))
        version = _rotate(actor, call, namespace, reason, decision.facts())
        _begin(actor, namespace)
        return version


def reencrypt_now(actor: Actor, call: Call, name: str, *, rows_per_second: int = 0) -> UUID:
    """Begin to seal a namespace's old values anew; the job's run."""
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        decision = permit(actor, call, "key.rotate", key_of(namespace))
        run_id = _begin(actor, namespace, rows_per_second)
        details = {"event": "key.reencryption_asked", "run": str(run_id)}
        record(call, decision, "key.rotate", key_of(namespace), details)
        return run_id


def count_now(actor: Actor, call: Call, name: str) -> list[Under]:
    """What is under each version at this moment: what sealing anew would move. Changes nothing but
    what pages show as last counted.
    """
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        permit(actor, call, "key.rotate", key_of(namespace))
        found = count_all(actor.tenant_id, namespace.id)
        note_counts(actor.tenant_id, namespace.id, found)
        return found


def mark_compromised(actor: Actor, call: Call, name: str, version: int, *, reason: str) -> None:
    """Somebody else may have this version: nothing is sealed under it any more, and what is, is
    sealed anew. What was under it stays listed.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise unfit("reason", f"say why, in at most {MAX_REASON:,} characters")
    with tenant_scope(actor.tenant_id):
        namespace = find_namespace(actor, call, name)
        decision = permit(actor, call, "key.rotate", key_of(namespace))
        found = find_version(namespace, version)
        if found.state == "destroyed":
            raise KeyGone
        run_flow(raise_key_epoch(actor.tenant_id))
        run_flow(flag_compromised(actor.tenant_id, found.id, found.version))
        details = {"event": "key.compromised", "version": version, "reason": reason}
        record(call, decision, "key.rotate", key_of(namespace), details)
        if found.state == "active":
            _rotate(actor, call, namespace, "compromised", decision.facts())
        _begin(actor, namespace)


def rotate_tenant(actor: Actor, call: Call) -> int:
    """Wrap the tenant's data keys under a new tenant key; how many. No value is touched."""
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "key.rotate", whole_tenant(actor))
        turned = run_flow(rotate_tenant_key(actor.tenant_id))
        details = {"event": "key.tenant_rotated", "key": str(turned.id), "rewrapped": turned.keys}
        record(call, decision, "key.rotate", whole_tenant(actor), details)
        return turned.keys


def set_subject_rule(actor: Actor, call: Call, name: str, path: str | None) -> None:
    """Seal each person's values in the namespace under a key of their own, from the next write on:
    ``path`` says where the person is named. None: no more. What is stored stays as it is.
    """
    with tenant_scope(actor.tenant_id):
        decision = permit_update(actor, call, name)
        if path is not None and (fault := fault_of(path)):
            raise unfit("path", fault)
        namespace = find_namespace(actor, call, name)
        bump(actor.tenant_id, "namespaces")
        run_flow(put_subject_rule(actor.tenant_id, namespace.id, path))
        details = {"event": "key.subject_rule", "path": path}
        record(call, decision, "namespace.update", ("namespace", str(namespace.id)), details)


def find_version(namespace: Namespace, version: int) -> KeyVersion:
    """A version of the namespace's key; NoSuchVersion (404). In the tenant's scope."""
    found = run_flow(namespace_versions(namespace.tenant_id, namespace.id))
    same = [one for one in found if one.version == version]
    if not same:
        raise NoSuchVersion
    return same[0]


def _rotate(
    actor: Actor, call: Call, namespace: Namespace, reason: str, decision: dict[str, object]
) -> int:
    try:
        return run_flow(
            rotate_namespace_key(
                namespace.id, actor=actor, call=call, reason=reason[:MAX_REASON], decision=decision
            )
        )
    except KeysUnavailable:
        versions = run_flow(namespace_versions(namespace.tenant_id, namespace.id))
        if versions and versions[0].state == "destroyed":
            raise KeyGone from None
        raise


def _begin(actor: Actor, namespace: Namespace, rows_per_second: int = 0) -> UUID:
    params: dict[str, object] = {"namespace_id": str(namespace.id), "namespace": namespace.name}
    if rows_per_second:
        params["rows_per_second"] = rows_per_second
    return start(REENCRYPT, tenant_id=actor.tenant_id, params=params, actor=actor)
