"""What stands left of every page of the state: the tree of namespaces, the keys of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboards.requests import ConsoleRequest, Crumb, address
from dashboards.state.tree import Branch, namespace_tree
from stateward.kernel.errors import Malformed
from stateward.state.entries import Entry
from stateward.state.models import Namespace
from stateward.state.queries import Page, list_entries
from stateward.state.services.namespaces import find_namespace, readable_namespaces
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.web.cursors import decode_cursor, encode_cursor

MOST_NAMESPACES = 400
KEYS = 50


@dataclass(frozen=True, slots=True)
class Keys:
    """A page of a namespace's keys."""

    entries: list[Entry]
    prefix: str
    cursor: str
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Tree:
    """The namespaces one may know of, those under ``wanted`` where a filter was typed."""

    branches: list[Branch]
    namespaces: list[Namespace]
    wanted: str
    has_more: bool


def tree_pane(request: ConsoleRequest, here: str = "") -> Tree:
    """The tree. Within the tenant's scope."""
    wanted = request.GET.get("under", "")[:640]
    found, more = readable_namespaces(
        request.actor, request.call, limit=MOST_NAMESPACES, prefix=wanted
    )
    return Tree(namespace_tree(found, here), found, wanted, more is not None)


def open_namespace(request: ConsoleRequest, name: str) -> tuple[Namespace, Tree]:
    """The namespace with the tree it stands in; NotFound where one may not know of it.

    What the tree shows is what one may know of, so a namespace found there is not asked for again.
    """
    tree = tree_pane(request, name)
    for namespace in tree.namespaces:
        if namespace.name == name:
            return namespace, tree
    return find_namespace(request.actor, request.call, name), tree


def keys_pane(request: ConsoleRequest, namespace: str) -> Keys:
    """The keys that ``?prefix=`` and ``?cursor=`` ask for. Within the tenant's scope."""
    prefix = request.GET.get("prefix", "").replace("\x00", "")[:512]
    cursor = request.GET.get("cursor", "")
    page: Page = run_flow(
        list_entries(
            request.actor,
            request.call,
            namespace,
            prefix=prefix,
            after=_after(cursor),
            limit=KEYS,
            with_values=False,
        )
    )
    following = encode_cursor([page.next_after]) if page.next_after is not None else None
    return Keys(page.entries, prefix, cursor, following)


def _after(cursor: str) -> str:
    if not cursor:
        return ""
    place = decode_cursor(cursor, length=1)[0]
    if not isinstance(place, str):
        raise Malformed("The cursor is not one that was given out here.")
    return place


def where(request: ConsoleRequest, **more: Any) -> str:
    """The part of the address that every page of the browser keeps: filter and place in lists."""
    query = request.GET.copy()
    for name in list(query):
        if name not in {"prefix", "cursor", "under"}:
            del query[name]
    for name, value in more.items():
        if value is not None:
            query[name] = str(value)
    text = query.urlencode()
    return f"?{text}" if text else ""


def panes(request: ConsoleRequest, namespace: str, key: str | None) -> dict[str, Any]:
    """What every page of an entry has: its namespace, the tree and the keys beside it."""
    with tenant_scope(request.tenant.tenant_id):
        found, tree = open_namespace(request, namespace)
        keys = keys_pane(request, namespace)
    crumbs = [
        Crumb("Namespaces", address(request, "namespaces")),
        Crumb(namespace, address(request, "namespace", namespace) + where(request)),
    ]
    if key is not None:
        crumbs.append(Crumb(key))
    return {
        "namespace": found,
        "tree": tree,
        "keys": keys,
        "key": key,
        "crumbs": crumbs,
        "kept": where(request),
        "pane": "entry",
    }
