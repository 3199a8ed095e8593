"""The newest changes, for a page that is opened; what comes after them its stream tells."""

from __future__ import annotations

from dataclasses import dataclass

from stateward.feed.log import read_log, recent_place
from stateward.feed.places import Place
from stateward.kernel.flow import Flow
from stateward.state.changes.sights import Seen, Sight, load_rules
from stateward.state.changes.windows import Change
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.judging import judge_for
from stateward.state.queries import after_prefix
from stateward.tenancy.actors import Actor, Call

LOOKED_THROUGH = 400  # of the newest changes; where few are readable, fewer are shown


@dataclass(frozen=True, slots=True)
class Recent:
    """Changes, newest first, and the place that their stream goes on from."""

    changes: tuple[Seen, ...]
    place: Place


def recent_changes(
    actor: Actor, call: Call, *, namespace: str = "", prefix: str = "", limit: int = 50
) -> Flow[Recent]:
    """Up to ``limit`` of the newest changes that the caller may read. 404 for a namespace that is
    not there, or not to be known of.
    """
    configuration = yield from load_configuration_for(actor)
    judge = yield from judge_for(configuration, actor, call)
    namespace_id = None
    if namespace:
        rules = yield from namespace_rules(configuration, namespace)
        yield from judge.require("namespace.read", rules, rules.resource())
        namespace_id = rules.id
    place = yield from recent_place(actor.tenant_id, LOOKED_THROUGH)
    found: list[Seen] = []
    sight = Sight(judge, "none")
    while True:
        look = yield from read_log(
            actor.tenant_id,
            place,
            limit=LOOKED_THROUGH,
            namespace_id=namespace_id,
            prefix=prefix,
            until=after_prefix(prefix),
        )
        changes = [Change(row) for row in look.rows]
        yield from load_rules(configuration, changes)
        found = [*found, *sight.look(changes)][-limit:]
        place = look.end
        if look.is_newest:
            return Recent(tuple(reversed(found)), place)
