"""Carrying out what others agreed to: inside the transaction of the vote that decides.

In the name of whoever asked, decided anew under the rules of now, by the function of every write.
Where that is refused, or an entry is no longer what it was, the vote is not counted, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import OperationalError, transaction

from stateward.gate.approvals.kinds import Kind, register
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.keys.load import load_keys_of
from stateward.gate.policy.principals import load_principal
from stateward.gate.policy.requests import Resource
from stateward.kernel.errors import StatewardError
from stateward.kernel.flow import Flow, Statement
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.exceptions import Contended
from stateward.state.models import Namespace
from stateward.state.pending.exceptions import NotReleased, PendingOver
from stateward.state.pending.holding import AGREE, KIND
from stateward.state.pending.reading import load_pending, order_of
from stateward.state.pending.records import END, FIELD, LOCK, Pending
from stateward.state.services.transactions import Agreed, Operation, transact
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import execute, run_flow

RETRIED = {"40001", "40P01"}  # could not serialise, deadlock: nothing was done
TRIES = 10


def release(request: ApprovalRequest, actor: Actor, call: Call) -> None:
    """Write what waited. NotReleased (409) where that cannot be done now."""
    tenant_id, pending_id = request.tenant_id, UUID(request.subject_id)
    if execute(Statement(LOCK, (tenant_id, pending_id))) != [("pending",)]:
        raise PendingOver
    found = run_flow(load_pending(tenant_id, pending_id))
    asker = run_flow(load_principal(tenant_id, found.asked_by.type, str(found.asked_by.id)))
    if asker is None:
        raise NotReleased("Whoever asked for it is no longer here.", reason="asker_gone")
    _check_unmoved(found)
    theirs = Call(request_id=call.request_id, run=found.run, on_behalf_of=found.on_behalf_of)
    votes = request.votes.filter(verdict="approve").order_by("id")
    agreed = Agreed(found.id, tuple(str(one.id) for one in votes))
    try:
        versions = _written(asker, theirs, found, agreed)
    except StatewardError as error:
        says = f"It cannot be written now, so your agreement was not counted: {error.detail}"
        raise NotReleased(says, errors=error.errors, reason=error.code) from error
    end(tenant_id, found.id, "released", versions)


def end(tenant_id: UUID, pending_id: UUID, state: str, versions: Sequence[int | None] = ()) -> None:
    """Write down that it is over, and empty it."""
    asked = {"tenant": tenant_id, "id": pending_id, "state": state, "versions": list(versions)}
    execute(Statement(END, asked))


def _check_unmoved(found: Pending) -> None:
    moved = [one for one in found.operations if one.has_moved]
    if any(one.namespace is None for one in found.operations):
        raise NotReleased("A namespace that it writes is no more.", reason="namespace_gone")
    if moved:
        one = moved[0]
        was = f"at version {one.base_version}" if one.base_version else "not there"
        now = f"at version {one.now}" if one.is_alive else "not there"
        says = f"An entry was {was} when this was asked for and is {now}. Refuse it; whoever asked"
        raise NotReleased(f"{says} may ask again.", reason="entry_moved", moved=len(moved))


def _written(asker: Actor, call: Call, found: Pending, agreed: Agreed) -> list[int | None]:
    """The version that each operation wrote, by its place."""
    operations = [run_flow(_operation(asker, call, found, one.place)) for one in found.operations]
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                done = run_flow(transact(asker, call, operations, agreed=agreed))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in RETRIED:
                raise
        else:
            by_place = {
                one.place: result.version
                for one, result in zip(found.operations, done.results, strict=True)
            }
            return [by_place.get(place) for place in range(max(by_place) + 1)]
    raise Contended


def _operation(asker: Actor, call: Call, found: Pending, place: int) -> Flow[Operation]:
    waiting = next(one for one in found.operations if one.place == place)
    configuration = yield from load_configuration_for(asker, max_age=0.0)
    rules = yield from namespace_rules(configuration, waiting.namespace or "")
    sealed = waiting.sealed or b""
    yield from load_keys_of(configuration.keys, rules.id, (sealed,))
    document = configuration.keys.open(rules.id, waiting.key, FIELD, waiting.write_id, sealed)
    order = order_of(asker, call, found, waiting, document)
    return Operation(order.namespace, order.key, order.change, order.conditions)


def _resource(request: ApprovalRequest) -> Resource:
    """The namespace that is written first; who may agree was asked of each."""
    rows = Namespace.objects.filter(tenant_id=request.tenant_id, name=request.subject_name)
    found = rows.filter(deleted_at__isnull=True).first()
    about = {"name": request.subject_name, "namespace": request.subject_name}
    if found is not None:
        about |= {"classification": found.classification, "scope": found.scope}
        about |= {"owner": str(found.owner_id)}
        return Resource("namespace", request.subject_name, about | {"labels": found.labels})
    return Resource("namespace", request.subject_name, about)


register(
    Kind(
        KIND,
        "Write what a policy holds back",
        AGREE,
        _resource,
        needed=1,
        perform=release,
        ask="the write itself",
    )
)
