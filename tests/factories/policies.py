"""Random policies, principals and resources, and Cedar itself asked about them without any of our
short cuts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any
from uuid import UUID

import cedarpy

from stateward.gate.policy.requests import Resource
from stateward.gate.policy.rules import Source, shipped_roles
from stateward.tenancy.actors import Actor

TENANT = UUID(int=7)
SLUG = "acme"
AGENTS = [UUID(int=100 + n) for n in range(3)]
MEMBERS = [UUID(int=200 + n) for n in range(3)]
NAMESPACES = ["airline", "airline.bookings", "airline.customers", "desk", "desk.notes"]
CLASSIFICATIONS = ["public", "internal", "confidential", "restricted"]
TEAMS = ["desk", "ops"]
ACTIONS = [
    "state.read_meta", "state.read_value", "state.decrypt_restricted", "state.write",
    "state.delete", "state.purge", "namespace.read", "namespace.update", "policy.read",
    "policy.activate", "policy.explain", "agent.manage", "audit.read", "job.read",
]  # fmt: skip
GROUPS = ["state.*", "state.read", "namespace.*", "policy.*", "*"]


def agent(rng: Random, *roles: str) -> Actor:
    """One of three agents: an id always has the same name, but its team and roles vary."""
    n = rng.randrange(3)
    return Actor(
        "agent",
        AGENTS[n],
        f"agent-{n}",
        TENANT,
        SLUG,
        roles or tuple(rng.sample(["builder", "writer", "reader"], rng.randrange(3))),
        {"team": rng.choice(TEAMS), "environment": rng.choice(["prod", "test"])},
    )


def member(rng: Random, *roles: str) -> Actor:
    n = rng.randrange(3)
    every = ["owner", "admin", "editor", "auditor", "viewer"]
    return Actor(
        "member",
        MEMBERS[n],
        f"member-{n}",
        TENANT,
        SLUG,
        roles or tuple(rng.sample(every, rng.randrange(3))),
        {"email": f"m{n}@example.org"},
        auth_method="session",
        mfa=rng.random() < 0.5,
    )


def principal(rng: Random) -> Actor:
    return agent(rng) if rng.random() < 0.6 else member(rng)


def namespace_attributes(rng: Random, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "classification": rng.choice(CLASSIFICATIONS),
        "owner": str(rng.choice(AGENTS + MEMBERS)),
        "scope": "shared",
        "labels": {"region": rng.choice(["eu", "us"])} if rng.random() < 0.5 else {},
    }


def resource(rng: Random) -> Resource:
    kind = rng.random()
    name = rng.choice(NAMESPACES)
    if kind < 0.6:
        return Resource("entry", f"{name}/k{rng.randrange(3)}", namespace_attributes(rng, name))
    if kind < 0.8:
        return Resource("namespace", name, namespace_attributes(rng, name))
    if kind < 0.9:
        return Resource("tenant", SLUG, {"name": SLUG})
    n = rng.randrange(3)
    return Resource("agent", str(AGENTS[n]), {"name": f"agent-{n}", "team": rng.choice(TEAMS)})


def context(rng: Random) -> dict[str, Any]:
    given: dict[str, Any] = {
        "time": datetime(2026, 11, rng.randrange(1, 28), rng.randrange(24), 0, 5, tzinfo=UTC)
    }
    if rng.random() < 0.5:
        given["purpose"] = rng.choice(["support", "billing"])
    if rng.random() < 0.5:
        given["source_address"] = rng.choice(["10.1.2.3", "192.0.2.9", "2001:db8::1"])
    return given


def statement(rng: Random, effect: str | None = None) -> str:
    """A statement of Cedar that parses; it may fail when it is evaluated, as stored ones must not
    but could.
    """
    effect = effect or rng.choice(["permit", "forbid"])
    scope = f"{_principal(rng)}, {_action(rng)}, {_resource(rng)}"
    clauses = "".join(
        f" {rng.choice(['when', 'when', 'unless'])} {{ {_condition(rng)} }}"
        for _ in range(rng.choice([0, 1, 1, 1, 2]))
    )
    return f"{effect} ({scope}){clauses};"


def _principal(rng: Random) -> str:
    return rng.choice(
        [
            "principal",
            "principal",
            "principal is Agent",
            "principal is Member",
            f'principal == Agent::"{rng.choice(AGENTS)}"',
            f'principal == Member::"{rng.choice(MEMBERS)}"',
            f'principal in Role::"{rng.choice(["writer", "reader", "owner", "editor"])}"',
            f'principal is Agent in Role::"{rng.choice(["writer", "builder"])}"',
        ]
    )


def _action(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return "action"
    if kind < 0.5:
        return f'action == Action::"{rng.choice(ACTIONS)}"'
    if kind < 0.7:
        return f'action in Action::"{rng.choice(GROUPS)}"'
    names = rng.sample(ACTIONS + GROUPS[:-1], rng.randrange(1, 4))
    return "action in [" + ", ".join(f'Action::"{name}"' for name in names) + "]"


def _resource(rng: Random) -> str:
    name = rng.choice(NAMESPACES)
    return rng.choice(
        [
            "resource",
            "resource",
            "resource is Entry",
            "resource is Namespace",
            f'resource == Namespace::"{name}"',
            f'resource in Namespace::"{name}"',
            f'resource is Entry in Namespace::"{name}"',
            f'resource == Entry::"{name}/k1"',
            f'resource in Tenant::"{SLUG}"',
        ]
    )


def _condition(rng: Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth < 2 and kind < 0.35:
        joint = rng.choice(["&&", "&&", "||"])
        return f"({_condition(rng, depth + 1)} {joint} {_condition(rng, depth + 1)})"
    if depth < 2 and kind < 0.42:
        parts = (_condition(rng, depth + 1) for _ in range(3))
        return "(if {} then {} else {})".format(*parts)
    if depth < 2 and kind < 0.5:
        return f"!({_condition(rng, depth + 1)})"
    return rng.choice(_ATOMS).format(
        name=rng.choice(NAMESPACES),
        cls=rng.choice(CLASSIFICATIONS),
        team=rng.choice(TEAMS),
        n=rng.randrange(3),
        agent=rng.choice(AGENTS),
        group=rng.choice(GROUPS),
        hour=rng.randrange(24),
    )


_ATOMS = [
    'resource.classification == "{cls}"',
    'resource.name == "{name}"',
    'resource.name like "airline*"',
    "resource.owner == principal.id",
    'principal.name == "agent-{n}"',
    'principal.team == "{team}"',
    'principal has team && principal.team == "{team}"',
    'principal.environment == "prod"',
    'principal.roles.contains("writer")',
    'principal in Role::"editor"',
    'principal == Agent::"{agent}"',
    'resource in Namespace::"{name}"',
    'resource in [Namespace::"desk", Namespace::"{name}"]',
    "principal in resource",
    "principal is Member",
    'resource.getTag("region") == "eu"',
    'resource.hasTag("region") && resource.getTag("region") == "eu"',
    'resource has classification && resource.classification != "{cls}"',
    'context has purpose && context.purpose == "support"',
    'context.purpose == "billing"',
    "context.mfa",
    'context.time.toTime() < duration("{hour}h")',
    'context has source_address && context.source_address.isInRange(ip("10.0.0.0/8"))',
    'action in Action::"{group}"',
    'action == Action::"state.write"',
    "principal == resource",
    '{{"who": principal.name}}.who == "agent-{n}"',
    'Agent::"{agent}".team == "desk"',
    "true",
    "false",
]


def policies(rng: Random, most: int = 12) -> list[Source]:
    return [
        Source("policy", f"p{number}", statement(rng), 1) for number in range(rng.randrange(most))
    ]


@dataclass(frozen=True, slots=True)
class Plain:
    """Cedar's own answer over the whole set."""

    matched: frozenset[str]
    failed: frozenset[str]


def ask_cedar(
    sources: list[Source], actor: Actor, action: str, touched: Resource, given: dict[str, Any]
) -> Plain:
    """Every policy of the set at once, every entity with every attribute, without any of ours."""
    texts = [(source.label, source.text) for source in sources]
    for role in shipped_roles():
        parts = [part + ";" for part in _without_comments(role.text).split(";") if part.strip()]
        texts += [
            (role.label if len(parts) == 1 else f"{role.label}#{number}", part)
            for number, part in enumerate(parts, start=1)
        ]
    kind, name = uid_of(touched)
    result = cedarpy.is_authorized(
        {
            "principal": {"type": actor.type.capitalize(), "id": str(actor.id)},
            "action": {"type": "Action", "id": action},
            "resource": {"type": kind, "id": name},
            "context": context_json(actor, given),
        },
        parsed("\n".join(text for _, text in texts)),
        json.dumps(entities(actor, action, touched)),
    )
    diagnostics = result.diagnostics
    failed = [error.split("`")[1] for error in diagnostics.errors]
    return Plain(
        frozenset(texts[int(name.removeprefix("policy"))][0] for name in diagnostics.reasons),
        frozenset(texts[int(name.removeprefix("policy"))][0] for name in failed),
    )


@lru_cache(maxsize=64)
def parsed(text: str) -> cedarpy.PolicySet:
    """By Cedar itself: many requests are asked of one set."""
    return cedarpy.PolicySet.from_str(text)


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("//"))


def uid_of(touched: Resource) -> tuple[str, str]:
    return touched.type.capitalize(), touched.id


def context_json(actor: Actor, given: dict[str, Any]) -> dict[str, Any]:
    stamp = given["time"].strftime("%Y-%m-%dT%H:%M:%SZ")
    document: dict[str, Any] = {
        "mfa": actor.mfa,
        "auth_method": actor.auth_method,
        "time": {"__extn": {"fn": "datetime", "arg": stamp}},
    }
    if "purpose" in given:
        document["purpose"] = given["purpose"]
    if "source_address" in given:
        document["source_address"] = {"__extn": {"fn": "ip", "arg": given["source_address"]}}
    return document


def entities(actor: Actor, action: str, touched: Resource) -> list[dict[str, Any]]:
    own: dict[str, Any] = {"id": str(actor.id), "name": actor.name, "roles": sorted(actor.roles)}
    if actor.type == "agent":
        named = ("framework", "team", "environment", "risk_class", "owner", "purpose")
        own |= {name: actor.attributes.get(name, "") for name in named}
    else:
        own["email"] = actor.attributes["email"]
    tenant = {"type": "Tenant", "id": SLUG}
    roles = [{"type": "Role", "id": role} for role in actor.roles]
    found = [_entity(actor.type.capitalize(), str(actor.id), own, [*roles, tenant])]
    kind, name = uid_of(touched)
    given = dict(touched.attributes)
    labels = given.pop("labels", {})
    if kind in {"Entry", "Namespace"}:
        given["namespace"] = given["name"]
        path = given["name"].split(".")
        if kind == "Namespace":
            path = path[:-1]
        above = [{"type": "Namespace", "id": ".".join(path[:n])} for n in range(1, len(path) + 1)]
        found.append(_entity(kind, name, given, [*above, tenant]) | {"tags": labels})
    elif kind == "Tenant":
        found.append(_entity(kind, name, given, []))
    elif name != str(actor.id):
        named = ("framework", "team", "environment", "risk_class", "owner", "purpose")
        given |= {"id": name, "roles": []} | {name: given.get(name, "") for name in named}
        found.append(_entity(kind, name, given, [tenant]))
    family = action.split(".", maxsplit=1)[0]
    groups = [f"{family}.*", "*"]
    if action in {"state.read_meta", "state.read_value"}:
        groups.append("state.read")
    parents = [{"type": "Action", "id": group} for group in groups]
    return [*found, _entity("Action", action, {}, parents)]


def _entity(
    kind: str, name: str, attributes: dict[str, Any], parents: list[dict[str, str]]
) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": parents}
