"""The versions of one namespace's schema, and the ways between them.

Each version was made from another (its base) and says how a value gets here from there, and back;
one without a migration says nothing changes. So they are a tree, and a value goes up to where two
versions meet and down again. Wherever a way leads, what arrives must fit the schema there, or it is
not given out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stateward.state.evolution.transforms import Migration, compile_migration, inverse_of
from stateward.state.exceptions import NotTransformable, SchemaViolation
from stateward.state.schemas import Validator, check_value, compile_schema

NOTHING_CHANGES = Migration(())


@dataclass(slots=True)
class Version:
    """One version, compiled when it is first needed."""

    number: int
    base: int
    schema: Any = None
    steps: Any = None
    inverse: Any = None
    _validator: Validator | None = None

    @property
    def validator(self) -> Validator | None:
        if self._validator is None and self.schema is not None:
            self._validator = compile_schema(self.schema)
        return self._validator

    def fits(self, value: Any) -> bool:
        return self.validator is None or self.validator.is_valid(value)

    @property
    def up(self) -> Migration:
        """From the base to here."""
        return NOTHING_CHANGES if self.steps is None else compile_migration(self.steps)

    @property
    def down(self) -> Migration | None:
        """From here to the base, if there is a way."""
        if self.inverse is not None:
            return compile_migration(self.inverse, pointer="/inverse")
        back = inverse_of(self.up)
        return None if back is None else compile_migration(back, pointer="/inverse")


@dataclass(slots=True)
class Lineage:
    """All versions of one namespace that values may be of."""

    versions: dict[int, Version] = field(default_factory=dict)
    _ways: dict[tuple[int, int], tuple[Migration, ...] | None] = field(default_factory=dict)

    def carry(self, value: Any, source: int, target: int) -> Any:
        """The value of version ``source`` as one of ``target``. NotTransformable (422) where there
        is no way, a step does not fit, or what arrives breaks the schema there.
        """
        way = self._way(source, target)
        if way is None:
            raise NotTransformable("There is no way between these versions of the schema.")
        for migration in way:
            value = migration.apply(value)
        validator = self.versions[target].validator
        if validator is not None:
            try:
                check_value(validator, value, pointer="")
            except SchemaViolation as broken:
                said = "What the migration makes of the value breaks the schema."
                raise NotTransformable(said, errors=broken.errors) from None
        return value

    def _way(self, source: int, target: int) -> tuple[Migration, ...] | None:
        if (source, target) not in self._ways:
            self._ways[source, target] = self._found(source, target)
        return self._ways[source, target]

    def _found(self, source: int, target: int) -> tuple[Migration, ...] | None:
        down, up = self._line(source), self._line(target)
        meeting = next((number for number in down if number in up), None)
        if meeting is None:
            return None
        leaving = [self.versions[one].down for one in down[: down.index(meeting)]]
        if any(one is None for one in leaving):
            return None
        arriving = [self.versions[one].up for one in reversed(up[: up.index(meeting)])]
        return tuple(one for one in (*leaving, *arriving) if one is not None)

    def _line(self, number: int) -> list[int]:
        """The version, its base, that one's base, and so on."""
        line: list[int] = []
        while number in self.versions and number not in line:
            line.append(number)
            number = self.versions[number].base
        return line
