"""Where one can go in the console. A place without an address yet is not shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the side bar; ``key`` opens it after ``g``."""

    name: str
    title: str
    icon: str
    key: str


@dataclass(frozen=True, slots=True)
class Link:
    """A place with its address in one tenant."""

    place: Place
    url: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    links: tuple[Link, ...]


PLACES: tuple[tuple[str, tuple[Place, ...]], ...] = (
    ("", (Place("overview", "Overview", "home", "o"),)),
    (
        "State",
        (
            Place("namespaces", "Namespaces", "layers", "s"),
            Place("changes", "Changes", "pulse", "f"),
        ),
    ),
    (
        "Rules",
        (
            Place("policies", "Policies", "shield", "p"),
            Place("approvals", "Approvals", "inbox", "v"),
            Place("classification", "Classification", "tag", "i"),
            Place("retention", "Retention", "hourglass", "r"),
            Place("holds", "Holds", "lock", "h"),
            Place("access", "Access", "key", "x"),
        ),
    ),
    (
        "Proof",
        (
            Place("audit", "Audit", "document", "a"),
            Place("seals", "Seals", "seal", "l"),
            Place("sinks", "Sinks", "server", "w"),
            Place("compliance", "Compliance", "checks", "c"),
            Place("subjects", "Subject requests", "person", "u"),
            Place("alerts", "Alerts", "bell", "t"),
            Place("quarantines", "Quarantine", "pause", "q"),
        ),
    ),
    (
        "Operation",
        (
            Place("metrics", "Metrics", "chart", "m"),
            Place("jobs", "Jobs", "jobs", "j"),
            Place("backups", "Backups", "archive", "b"),
            Place("capacity", "Capacity", "gauge", "y"),
            Place("keys", "Keys", "link", "k"),
        ),
    ),
    (
        "Principals",
        (Place("agents", "Agents", "robot", "n"), Place("members", "Members", "people", "e")),
    ),
)


def navigation(tenant: str, path: str) -> list[Group]:
    """The side bar of ``tenant`` for somebody who is at ``path``."""
    groups = []
    for title, places in PLACES:
        links = tuple(_link(place, tenant, path) for place in places if exists(place.name))
        if links:
            groups.append(Group(title, links))
    return groups


def _link(place: Place, tenant: str, path: str) -> Link:
    url = reverse(f"console:{place.name}", args=[tenant])
    is_here = path == url if place.name == "overview" else path.startswith(url)
    return Link(place, url, is_here)


@cache
def exists(name: str) -> bool:
    return any(_reverses(name, *rest) for rest in ((), ("x",), (UUID(int=0),)))


def _reverses(name: str, *rest: object) -> bool:
    try:
        reverse(f"console:{name}", args=["x", *rest])
    except NoReverseMatch:
        return False
    return True
