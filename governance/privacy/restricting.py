"""Placing and lifting restrictions: what of a person is kept, and meanwhile neither changed nor
used for anything but the purpose named. In the tenant's scope; the gate refuses the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from governance.privacy.finding import Place
from governance.privacy.models import SubjectRequest
from stateward.kernel.flow import Statement
from stateward.tenancy.epochs import bump
from stateward.tenancy.scope import execute

PLACE = """
INSERT INTO stateward_restriction (tenant_id, request_id, namespace_id, key, purpose)
SELECT %s, %s, x.ns, x.k, %s FROM json_to_recordset(%s::json) AS x (ns uuid, k text)
ON CONFLICT DO NOTHING RETURNING 1
"""
LIFT = "DELETE FROM stateward_restriction WHERE tenant_id = %s AND request_id = %s RETURNING 1"
RESTRICTED = """
SELECT namespace_id, key FROM stateward_restriction WHERE tenant_id = %s AND request_id = %s
"""
COUNT = "SELECT count(*) FROM stateward_restriction WHERE tenant_id = %s AND request_id = %s"


def unrestricted(request: SubjectRequest, places: Sequence[Place]) -> list[Place]:
    """Of these places those that the request does not restrict yet."""
    rows = execute(Statement(RESTRICTED, (request.tenant_id, request.id)))
    known = {(row[0], row[1]) for row in rows}
    return [place for place in places if place not in known]


def restrict(request: SubjectRequest, places: Sequence[Place]) -> int:
    """Restrict these entries from the next statement on; how many were not restricted before."""
    bump(request.tenant_id, "namespaces")
    items = orjson.dumps([{"ns": namespace, "k": key} for namespace, key in places]).decode()
    given = (request.tenant_id, request.id, request.purpose, items)
    return len(execute(Statement(PLACE, given)))


def lift(request: SubjectRequest, *, all_but: Sequence[Place] = ()) -> int:
    """End the request's restrictions, but for those still needed; how many ended."""
    bump(request.tenant_id, "namespaces")
    ended = len(execute(Statement(LIFT, (request.tenant_id, request.id))))
    return ended - restrict(request, all_but) if all_but else ended


def restricted(request: SubjectRequest) -> int:
    """How many entries the request restricts now."""
    return int(execute(Statement(COUNT, (request.tenant_id, request.id)))[0][0])
