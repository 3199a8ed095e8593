"""From JSON documents to frozen dataclasses: unknown members are kept in ``raw`` and otherwise
ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from datetime import datetime
from typing import Any, TypeVar

from agents_bridge._errors import UnexpectedResponse

M = TypeVar("M", bound="Model")

MOMENT = {"convert": datetime.fromisoformat}
"""Metadata of a field that holds a time; aware, UTC."""


class Model:
    """What every model can do. Subclasses are frozen dataclasses with a ``raw`` field."""

    __slots__ = ()

    @classmethod
    def build(cls: type[M], document: Any, **more: Any) -> M:
        """The model of a JSON object. A required member that is absent means it was not a Stateward
        server.
        """
        if not isinstance(document, Mapping):
            raise UnexpectedResponse(f"The answer holds no {cls.__name__}: not a JSON object.")
        values: dict[str, Any] = {"raw": document, **more}
        for item in fields(cls):  # type: ignore[arg-type]  # every subclass is a dataclass
            name = item.metadata.get("member", item.name)
            if item.name in values:
                continue
            if name in document:
                values[item.name] = _convert(cls, item, document[name])
            elif item.default is MISSING and item.default_factory is MISSING:
                raise UnexpectedResponse(
                    f"The answer holds no {cls.__name__}: {name!r} is missing."
                )
        return cls(**values)


def _convert(cls: type[Model], item: Field[Any], value: Any) -> Any:
    convert: Callable[[Any], Any] | None = item.metadata.get("convert")
    if convert is None or value is None:
        return value
    try:
        return convert(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise UnexpectedResponse(f"{cls.__name__}.{item.name} is not readable: {error}") from error


def raw() -> Any:
    """The whole document as the server sent it, members unknown to this version of the bridge
    included.
    """
    return field(default_factory=dict, repr=False, compare=False)


def several(convert: Callable[[Any], Any] = lambda value: value) -> Any:
    """A list, as a tuple; empty where the member is absent."""
    return field(default=(), metadata={"convert": lambda items: tuple(map(convert, items))})
