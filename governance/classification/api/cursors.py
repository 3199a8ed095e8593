"""Cursors of these lists: the id that the next page goes on before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import page
from stateward.web.drf.requests import ActorRequest

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


def before(request: ActorRequest) -> UUID | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def paged(items: list[Any], following: UUID | None) -> Response:
    return page(items, encode_cursor([str(following)]) if following else None)
