"""Namespaces as a tree by the segments of their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stateward.state.models import Namespace


@dataclass(slots=True)
class Branch:
    """A segment of a name. ``namespace`` is None where only longer names exist."""

    segment: str
    path: str
    namespace: Namespace | None = None
    children: list[Branch] = field(default_factory=list)
    is_here: bool = False
    is_open: bool = False


def namespace_tree(namespaces: Iterable[Namespace], here: str = "") -> list[Branch]:
    """The branches of the top, in order of their names; the way to ``here`` stands open."""
    root = Branch("", "")
    known: dict[str, Branch] = {"": root}
    for namespace in namespaces:
        branch = _branch(namespace.name, known)
        branch.namespace = namespace
        branch.is_here = namespace.name == here
    for path, branch in known.items():
        branch.is_open = here == path or here.startswith(f"{path}.") or not here
    return root.children


def _branch(path: str, known: dict[str, Branch]) -> Branch:
    if path not in known:
        parent, _, segment = path.rpartition(".")
        known[path] = Branch(segment, path)
        _branch(parent, known).children.append(known[path])
    return known[path]
