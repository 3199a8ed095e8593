"""What a request for changes asks for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from stateward.feed.places import Place, parse_cursor
from stateward.kernel.errors import Fault, Malformed
from stateward.state.changes.windows import Values
from stateward.state.naming import check_namespace_name
from stateward.state.queries import after_prefix
from stateward.web.asgi import Request
from stateward.web.cursors import parse_limit

PARAMETERS = ("namespace", "prefix", "after", "limit", "values")
LONGEST_PREFIX = 512
NOW = "now"


@dataclass(slots=True)
class Asking:
    """Which changes, from where on, and with what."""

    namespace: str | None
    prefix: str
    until: str | None  # the first key past those with the prefix
    after: Place | None  # None: from the oldest
    is_from_now: bool
    limit: int
    values: Values
    namespace_id: UUID | None = None  # once it has been looked up

    def wants(self, namespace_id: UUID, key: str) -> bool:
        """Whether a change of the tenant is among those asked for."""
        if self.namespace_id is not None and namespace_id != self.namespace_id:
            return False
        return key.startswith(self.prefix)


def parse_asking(request: Request) -> Asking:
    """The request's parameters; ``Last-Event-ID`` goes before ``after``."""
    query = request.query(PARAMETERS)
    namespace = query.get("namespace") or None
    if namespace is not None:
        check_namespace_name(namespace)
    prefix = query.get("prefix", "")
    if len(prefix) > LONGEST_PREFIX:
        raise _bad("prefix is longer than a key")
    values = query.get("values", "none")
    if values not in {"none", "full", "patch"}:
        raise _bad("values is none, full or patch")
    after = request.header("last-event-id") or query.get("after") or None
    return Asking(
        namespace,
        prefix,
        after_prefix(prefix),
        parse_cursor(after) if after is not None and after != NOW else None,
        after == NOW,
        parse_limit(query.get("limit")),
        values,  # type: ignore[arg-type]  # compared above
    )


def _bad(message: str) -> Malformed:
    return Malformed(f"{message}.", errors=(Fault("", f"the parameter {message}"),))
