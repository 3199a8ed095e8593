"""Numbers that prove themselves: checksums and numbering plans, by libraries that keep up with
them (python-stdnum, phonenumbers).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from ipaddress import ip_address

import phonenumbers
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

MOST_DIGITS = 40
EARLIEST_BIRTH = 1900
OLDEST = 120  # years
MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].{0,20})?")
_EUROPEAN = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")
_WORDS = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")
_WORDS_TURNED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.? ([A-Za-z]{3,9})\.?,? (\d{4})")

# Where only the name of the member says that it is a national number, any of these may prove it.
_NATIONAL: tuple[Callable[[str], bool], ...] = tuple(
    one.is_valid
    for one in (
        ssn, dni, nie, codicefiscale, nir, idnr, bsn, cpf, personnummer, pesel, fodselsnummer,
        hetu, cpr, sin, nhs, aadhaar,
    )
)  # fmt: skip


def is_card(text: str) -> bool:
    """Thirteen to nineteen digits that a payment card could have, check digit included."""
    digits = _digits(text)
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456" or len(set(digits)) < 2:
        return False
    return luhn.is_valid(digits)


def is_iban(text: str) -> bool:
    return len(text) <= MOST_DIGITS and bool(iban.is_valid(text))


def is_ssn(text: str) -> bool:
    return bool(ssn.is_valid(text))


def is_national(text: str) -> bool:
    """Whether any country's check holds."""
    return len(text) <= MOST_DIGITS and any(check(text) for check in _NATIONAL)


def is_cpf(text: str) -> bool:
    return bool(cpf.is_valid(text))


def is_codice_fiscale(text: str) -> bool:
    return bool(codicefiscale.is_valid(text))


def is_phone(text: str, region: str | None = None) -> bool:
    """Whether a numbering plan has it; without ``region`` it must begin with + and the country."""
    if not 7 <= len(_digits(text)) <= 15 or len(text) > MOST_DIGITS:
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def is_birth_date(text: str, today: date) -> bool:
    """A date on which somebody alive today may have been born, in the usual ways to write one."""
    found = as_date(text)
    return found is not None and found <= today and found.year >= today.year - OLDEST


def as_date(text: str) -> date | None:
    if len(text) > MOST_DIGITS:
        return None
    if match := _ISO.fullmatch(text):
        return _date(match[1], match[2], match[3])
    if match := _EUROPEAN.fullmatch(text):
        return _date(match[3], match[2], match[1]) or _date(match[3], match[1], match[2])
    if match := _WORDS.fullmatch(text):
        return _date(match[3], _month(match[1]), match[2])
    if match := _WORDS_TURNED.fullmatch(text):
        return _date(match[3], _month(match[2]), match[1])
    return None


def network_of(text: str) -> str | None:
    """``public`` or ``private`` for a network address that a host may have; else None."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if found.is_unspecified or found.is_loopback or found.is_multicast:
        return None
    return "public" if found.is_global else "private"


def _month(word: str) -> str:
    short = word[:3].lower()
    return str(MONTHS.index(short) + 1) if short in MONTHS else "0"


def _date(year: str, month: str, day: str) -> date | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if found.year >= EARLIEST_BIRTH else None


def _digits(text: str) -> str:
    return "".join(one for one in text if one in "0123456789")
