"""Keys that turn up where they never were, or after a long rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from governance.detection.rule import Hit, Rule, Scene, Subject, Threshold, Thresholds
from stateward.kernel.flow import Flow, Statement
from stateward.tenancy.scope import run_flow

# The uses since the last look against the networks known so far: /24, or /48 for IPv6. What is new
# is learnt in the same statement, so that the next look knows it.
USES = """
WITH used AS (
    SELECT c.id, coalesce(c.agent_id, c.member_id) AS holder, c.last_used_at AS at, c.created_at,
        CASE WHEN c.agent_id IS NULL THEN 'member' ELSE 'agent' END AS kind,
        network(set_masklen(c.last_used_address,
            CASE family(c.last_used_address) WHEN 4 THEN 24 ELSE 48 END))::cidr AS network
    FROM stateward_credential c
    WHERE c.tenant_id = %(tenant)s AND c.last_used_at >= %(since)s
      AND c.last_used_address IS NOT NULL
),
known AS MATERIALIZED (
    SELECT n.credential_id, count(*) AS networks, max(n.last_seen) AS last_seen,
        array_agg(n.network) AS all_of_them
    FROM stateward_detection_network n
    WHERE n.tenant_id = %(tenant)s AND n.credential_id IN (SELECT id FROM used)
    GROUP BY n.credential_id
),
learnt AS (
    INSERT INTO stateward_detection_network AS n
        (tenant_id, credential_id, network, first_seen, last_seen)
    SELECT %(tenant)s, id, network, at, at FROM used
    ON CONFLICT (tenant_id, credential_id, network)
        DO UPDATE SET last_seen = greatest(n.last_seen, excluded.last_seen)
)
SELECT u.kind, u.holder, u.at, host(u.network), coalesce(k.networks, 0),
    k.networks > 0 AND NOT u.network = ANY (k.all_of_them),
    extract(epoch FROM u.at - coalesce(k.last_seen, u.created_at)) / 86400
FROM used u LEFT JOIN known k ON k.credential_id = u.id ORDER BY u.at
"""


def uses(tenant_id: UUID, since: Any) -> Flow[list[tuple[Any, ...]]]:
    """How credentials were used since: holder, when, from which network, and whether it is new."""
    return (yield Statement(USES, {"tenant": tenant_id, "since": since}))


def _moved(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    for kind, holder, at, network, _, is_elsewhere, idle_days in run_flow(
        uses(scene.tenant_id, scene.span.since)
    ):
        slept = idle_days >= thresholds["idle_days"]
        if not is_elsewhere and not slept:
            continue
        yield Hit(
            Subject(kind, str(holder)),
            _says(network, int(idle_days) if slept else None),
            at,
            at,
            count=1,
            asks={"actor": str(holder)},
            is_episode=True,
        )


def _says(network: str, idle_days: int | None) -> Any:
    def says(name: str, count: int) -> str:
        if idle_days is not None:
            return f"A key of {name} was used after {idle_days} days of rest, from {network}."
        return f"A key of {name} was used from a network it never came from: {network}."

    return says


RULES = (
    Rule(
        "key_from_elsewhere",
        7,
        "A key is used from a new network, or after a long rest",
        "A copied key comes from somewhere else than the program it was made for.",
        "Ask the agent's owner. If nobody moved it, revoke the key and make a new one.",
        "medium",
        ("API2:2023", "ASI03"),
        (Threshold("idle_days", "Days of rest", 60, 1, 3_650),),
        _moved,
    ),
)
