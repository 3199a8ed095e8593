"""One row of the former tenant as a row of the new one: ids, people, sealed values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from stateward.gate.keys.exceptions import CannotOpen
from stateward.gate.keys.ring import KeyRing
from stateward.kernel.governed import Sealed
from stateward.operations.backups.copying import Fields
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.manifest import Part
from stateward.operations.backups.remap import Remap
from stateward.operations.backups.tables import Known

NOTHING: Mapping[str, Mapping[bytes, bytes]] = MappingProxyType({})
REMEMBERED_BYTES = 64 << 20
OVERHEAD = 600  # what the pieces of one remembered value take besides their bytes
Load = Callable[[KeyRing, UUID], None]


class Translator:
    """Rows of one table. ``people``: ids of persons here by those in the archive."""

    def __init__(
        self,
        known: Known,
        part: Part,
        remap: Remap,
        people: dict[bytes, bytes],
        numbers: Mapping[str, Mapping[bytes, bytes]] = NOTHING,
    ) -> None:
        table = known.table
        self._part = part.name
        self._numbers = numbers
        self._places = {name: place for place, (name, _) in enumerate(part.columns)}
        self._remap = remap
        self._people = people
        self._ids = [
            self._places[name]
            for name, kind in part.columns
            if kind == "uuid" and name not in table.verbatim and name not in table.people
        ]
        self._persons = [self._places[name] for name in table.people]
        self._inside = [self._places[name] for name in table.inside]
        self._lookups = [(self._places[one.column], one.column) for one in table.lookups]
        self._digests = [(self._places[to], self._places[of]) for to, of in table.digests]
        filled = {column.name for column in known.columns if column.is_filled}
        self._may_be_null = {place for name, place in self._places.items() if name not in filled}

    def place(self, column: str) -> int:
        return self._places[column]

    def has(self, column: str) -> bool:
        return column in self._places

    def likeness(self, fields: Fields, columns: tuple[str, ...]) -> tuple[bytes | None, ...]:
        """What a thing is known by, as it would stand here."""
        found = []
        for name in columns:
            place, value = self._places[name], fields[self._places[name]]
            if value is not None and place in self._persons:
                value = self._people.get(value)
            elif value is not None and place in self._ids:
                value = self._remap.id(value)
            found.append(value)
        return tuple(found)

    def translate(self, fields: Fields) -> None:
        """In place."""
        remap, gone = self._remap.id, self._remap.gone
        for place in self._ids:
            old = fields[place]
            if old is None:
                continue
            is_nobody = gone and old in gone and place in self._may_be_null
            fields[place] = None if is_nobody else remap(old)
        for place in self._persons:
            old = fields[place]
            fields[place] = self._people.get(old) if old is not None else None
        for place, column in self._lookups:
            name = fields[place]
            if name is not None:
                number = self._numbers[column].get(name)
                if number is None:
                    why = f"it names {name.decode()}, which this version does not know"
                    raise ArchiveRefused(self._part, why)
                fields[place] = number
        for place in self._inside:
            text = fields[place]
            if text is not None:
                fields[place] = self._remap.inside(text)
        for to, of in self._digests:
            text = fields[of]
            fields[to] = sha256(text).hexdigest().encode() if text is not None else None


class Resealer:
    """Opens values with the archive's keys, and seals them anew with the target's.

    An entry and its newest revision hold the same bytes, bound to the same place: what was sealed
    anew for the one serves for the other, as far as it is still remembered.
    """

    def __init__(self, old: KeyRing, new: KeyRing, load: Load) -> None:
        self._old = old
        self._new = new
        self._load = load
        self._made: dict[tuple[bytes | None, ...], tuple[bytes, bytes]] = {}
        self._room = REMEMBERED_BYTES

    def rows(
        self, rows: Iterator[Fields], sealed: Sealed, translator: Translator, part: Part
    ) -> Iterator[Fields]:
        """The rows translated, their values under the target's keys."""
        columns = (sealed.value, sealed.namespace, sealed.key, sealed.write_id)
        places = [translator.place(name) for name in columns]
        value, keyed = places[0], translator.place(sealed.hash)
        for fields in rows:
            bound = tuple(fields[place] for place in places)
            translator.translate(fields)
            if bound[0] is not None:
                made = self._made.pop(bound, None)
                if made is None:
                    target = tuple(fields[place] for place in places)
                    made = self._again(bound, target, sealed.field, part)
                    self._remember(bound, made)
                else:
                    self._room += _size(bound, made)
                fields[value], fields[keyed] = made
            yield fields

    def _again(
        self,
        old: tuple[bytes | None, ...],
        new: tuple[bytes | None, ...],
        field: str,
        part: Part,
    ) -> tuple[bytes, bytes]:
        """A value as it stands in the target, and its keyed hash there."""
        data, place, key, write_id = (one or b"" for one in old)
        name = key.decode()
        try:
            plain = self._old.open(UUID(bytes=place), name, field, UUID(bytes=write_id), data)
        except CannotOpen as error:
            raise ArchiveRefused(part.name, f"a value does not open: {error.reason}") from None
        target, write = UUID(bytes=new[1]), UUID(bytes=new[3])
        if not self._new.knows(target):
            self._load(self._new, target)
        sealed = self._new.seal_as(target, name, field, plain, write)
        return sealed.data, self._new.value_hash(plain)

    def _remember(self, bound: tuple[bytes | None, ...], made: tuple[bytes, bytes]) -> None:
        size = _size(bound, made)
        if size <= self._room:
            self._made[bound] = made
            self._room -= size


def _size(bound: tuple[bytes | None, ...], made: tuple[bytes, bytes]) -> int:
    return OVERHEAD + 2 * len(made[0]) + len(bound[2] or b"")
