"""The kinds of things that are looked for, and the classification that each asks for."""

from __future__ import annotations

from typing import Literal, NamedTuple

Group = Literal["personal", "payment", "secret"]
GROUPS: tuple[Group, ...] = ("personal", "payment", "secret")


class Kind(NamedTuple):
    """``asks_for``: the least classification of a namespace that holds such things."""

    name: str
    title: str
    group: Group
    asks_for: str


_ALL = (
    Kind("email", "E-mail address", "personal", "confidential"),
    Kind("phone", "Telephone number", "personal", "confidential"),
    Kind("person_name", "Name of a person", "personal", "confidential"),
    Kind("birth_date", "Date of birth", "personal", "confidential"),
    Kind("address", "Postal address", "personal", "confidential"),
    Kind("ip_address", "Network address", "personal", "confidential"),
    Kind("national_id", "National identity number", "personal", "restricted"),
    Kind("card", "Card number", "payment", "restricted"),
    Kind("iban", "Bank account", "payment", "restricted"),
    Kind("payment_id", "Means of payment", "payment", "confidential"),
    Kind("secret", "Password or secret", "secret", "restricted"),
    Kind("api_key", "API key", "secret", "restricted"),
    Kind("private_key", "Private key", "secret", "restricted"),
    Kind("token", "Signed token", "secret", "restricted"),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
NAMES: tuple[str, ...] = tuple(KINDS)
MASK = "‹masked: "  # how a mask begins


class Finding(NamedTuple):
    """One thing found. ``start`` and ``end`` are its place in the text, -1 where it is all of the
    value; ``within`` is a pointer into the JSON that the text holds, where it holds some.
    ``is_name``: it stands in the member's name.
    """

    kind: str
    pointer: str
    score: float  # above 0, at most 1
    reason: str
    within: str = ""
    start: int = -1
    end: int = -1
    is_name: bool = False

    @property
    def is_whole(self) -> bool:
        return self.start < 0


class Found(NamedTuple):
    """What was found in one value; ``is_complete`` says whether all of it was looked at."""

    findings: tuple[Finding, ...]
    is_complete: bool


def kinds_of(names: frozenset[str]) -> frozenset[str]:
    """Kinds that names of kinds and groups stand for."""
    return frozenset(one.name for one in _ALL if one.name in names or one.group in names)
