"""Pages of the control plane: ``{"items": […], "next_cursor": …}``, by keyset, never by offset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from stateward.kernel.errors import Fault, Malformed
from stateward.web.cursors import decode_cursor, encode_cursor, parse_limit

M = TypeVar("M", bound=Model)


def page(items: list[Any], next_cursor: str | None) -> Response:
    return Response({"items": items, "next_cursor": next_cursor})


def limit_of(request: Request) -> int:
    return parse_limit(request.query_params.get("limit"))


def page_by_id(
    request: Request,
    rows: QuerySet[M, M],
    render: Callable[[M], Any],
    *,
    newest_first: bool = False,
) -> Response:
    """One page of ``rows`` in the order of their ids, which is the order in which they were
    made.
    """
    limit = limit_of(request)
    cursor = request.query_params.get("cursor")
    if cursor is not None:
        after = _uuid(decode_cursor(cursor, length=1)[0])
        rows = rows.filter(id__lt=after) if newest_first else rows.filter(id__gt=after)
    found = list(rows.order_by("-id" if newest_first else "id")[: limit + 1])
    more = len(found) > limit
    next_cursor = encode_cursor([str(found[limit - 1].pk)]) if more else None
    return page([render(row) for row in found[:limit]], next_cursor)


def after_cursor(request: Request, rows: QuerySet[M, M]) -> QuerySet[M, M]:
    """Those of ``rows`` that come after the page before, for lists whose rows are decided."""
    cursor = request.query_params.get("cursor")
    return rows if cursor is None else rows.filter(id__gt=_uuid(decode_cursor(cursor, length=1)[0]))


def known_parameters(request: Request, *names: str) -> None:
    """Malformed (400) if the query names anything but ``names`` and the page's own parameters."""
    unknown = set(request.query_params) - {"limit", "cursor", *names}
    if unknown:
        raise Malformed(
            "The query has parameters that this resource does not take.",
            errors=tuple(Fault("", f"unknown parameter {name[:64]!r}") for name in sorted(unknown)),
        )


def _uuid(text: Any) -> UUID:
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise Malformed("The cursor is not one that was given out here.") from None
