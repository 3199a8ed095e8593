"""Serializers that take what they declare and refuse the rest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from rest_framework import serializers

from stateward.kernel.errors import Fault, Malformed


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members it does not declare, and those it only shows: 400 with a pointer to each.

    So a write can never set what its serializer does not name (tenant, role, version, created_at,
    …).
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(set(map(str, data)) - writable)
            if unknown:
                raise Malformed(
                    "The body has members that this resource does not take.",
                    errors=tuple(Fault(f"/{_escaped(name)}", "unknown member") for name in unknown),
                )
            self._refuse_texts_that_are_none(data)
        return super().to_internal_value(data)

    def _refuse_texts_that_are_none(self, data: Mapping[Any, Any]) -> None:
        """DRF takes 1 for "1"; then what is kept is not what was sent."""
        wrong = [
            name
            for name, field in self.fields.items()
            if isinstance(field, serializers.CharField)
            and isinstance(data.get(name), (bool, int, float))
        ]
        if wrong:
            raise serializers.ValidationError({name: ["not a text"] for name in wrong})


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


class PageSerializer(serializers.Serializer[Any]):
    """A page's shape, for the published document; ``page_of(Item)`` makes one for each kind of
    item.
    """

    next_cursor = serializers.CharField(allow_null=True)


@cache
def page_of(item: type[serializers.BaseSerializer[Any]]) -> type[PageSerializer]:
    """The serializer class of a page of ``item``; the same each time, so that it is described
    once.
    """
    name = item.__name__.removesuffix("Serializer") + "Page"
    return type(name, (PageSerializer,), {"items": item(many=True)})
