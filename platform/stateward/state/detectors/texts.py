"""How things look in a text, whatever it is called.

No pattern repeats without a bound, so the time for a text grows with its length only. Each has a
sign that must be there for it to be tried at all: most texts have none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from stateward.state.detectors.kinds import Finding
from stateward.state.detectors.numbers import (
    is_birth_date,
    is_card,
    is_codice_fiscale,
    is_cpf,
    is_iban,
    is_phone,
    is_ssn,
    network_of,
)


class Look(NamedTuple):
    """One look. ``sign``: a character that must be there, or ``digit``, or "" for any text.
    ``score`` of what was matched, 0 where it is not so after all. ``part``: the group that is it.
    """

    kind: str
    reason: str
    sign: str
    pattern: re.Pattern[str]
    score: Callable[[str], float]
    part: int = 0


def _always(score: float) -> Callable[[str], float]:
    return lambda found: score


def _if(check: Callable[[str], bool], score: float) -> Callable[[str], float]:
    return lambda found: score if check(found) else 0.0


def _network(found: str) -> float:
    return {"public": 0.75, "private": 0.65}.get(network_of(found) or "", 0.0)


def _born(found: str) -> float:
    return 0.85 if is_birth_date(found.strip(), date.today()) else 0.0  # noqa: DTZ011  # a bound


def _set(found: str) -> float:
    """What follows ``password:`` is one unless it is a word for none, or a place for one."""
    bare = found.strip("\"'.,;)")
    is_empty = bare.lower() in NO_SECRETS or bare[:1] in "<{$*[" or len(bare) < 4
    return 0.0 if is_empty else 0.8


def _greeted(found: str) -> float:
    return 0.0 if found.lower() in GREETED else 0.65


GREETED = frozenset({"sir", "madam", "all", "everyone", "team", "there", "again", "please"})
NO_SECRETS = frozenset(
    {
        "none", "null", "true", "false", "string", "required", "optional", "reset", "field",
        "hidden", "unknown", "empty", "your-password", "changeme",
    }
)  # fmt: skip
# A date as people write it, for use behind a word that says which it is.
_DATE = (
    r"(\d{4}-\d{2}-\d{2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{4}|"
    r"[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}|"
    r"\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]{2,8} \d{4})"
)
_NAME = r"([A-Z][^\W\d_]{1,25}(?:[ -][A-Z][^\W\d_]{0,25}\.?){1,3})"

LOOKS: tuple[Look, ...] = (
    Look(
        "private_key", "the frame of a private key", "-",
        re.compile(
            r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----"
            r"(?:[^-]{1,8192}-----END [A-Z ]{0,32}PRIVATE KEY-----)?"
        ),
        _always(1.0),
    ),
    Look(
        "token", "three parts of a signed token (JWT)", ".",
        re.compile(r"\beyJ[\w-]{8,4096}\.[\w-]{4,8192}\.[\w-]{0,4096}"), _always(0.97),
    ),
    Look(
        "api_key", "the prefix of a known kind of API key", "",
        re.compile(
            r"\b(?:sk-(?:proj-|ant-)?|[rs]k_(?:live|test)_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-"
            r"|hf_|npm_|pypi-|SG\.|sw_|dop_v1_|shpat_|AIza)[\w-]{16,256}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
        ),
        _always(0.95),
    ),
    Look(
        "secret", "credentials in an address", "@",
        re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,128}:([^\s/@]{1,128})@"),
        _always(0.9), 1,
    ),
    Look(
        "secret", "an Authorization header", "",
        re.compile(r"\b(?i:bearer|basic) {1,3}([\w.~+/=-]{16,4096})"), _always(0.85), 1,
    ),
    Look(
        "secret", "it follows a word for a secret", "",
        re.compile(
            r"(?i:\b(?:password|passwd|passphrase|pwd|secret|api[-_ ]?key|access[-_ ]?token))"
            r"\s{0,3}(?:is|[:=])\s{0,3}(\S{4,256})"
        ),
        _set, 1,
    ),
    Look(
        "email", "the form of an e-mail address", "@",
        re.compile(
            r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}"
            r"\.[A-Za-z]{2,24}\b"
        ),
        _always(0.95),
    ),
    Look(
        "iban", "an account number whose check digits fit (IBAN)", "digit",
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        _if(is_iban, 0.97),
    ),
    Look(
        "card", "a card number whose check digit fits (Luhn)", "digit",
        re.compile(r"(?<![\w.-])(?<![A-Z]{2}\d\d )\d(?:[ -]?\d){12,18}(?![\w-])"),
        _if(is_card, 0.9),
    ),
    Look(
        "national_id", "the form of a social security number (US)", "digit",
        re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), _if(is_ssn, 0.75),
    ),
    Look(
        "national_id", "a taxpayer's number whose check digits fit (Brazil)", "digit",
        re.compile(r"(?<![\w-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"), _if(is_cpf, 0.9),
    ),
    Look(
        "national_id", "a tax code whose check character fits (Italy)", "digit",
        re.compile(r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b"), _if(is_codice_fiscale, 0.95),
    ),
    Look(
        "phone", "a number of a country's plan, with the country", "+",
        re.compile(r"(?<![\w+])\+\d[\d ()./-]{5,22}\d(?!\w)"), _if(is_phone, 0.9),
    ),
    Look(
        "phone", "the form of a telephone number (US)", "digit",
        re.compile(r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\w-])"),
        _if(lambda found: is_phone(found, "US"), 0.7),
    ),
    Look(
        "ip_address", "the form of a network address", ".",
        re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]\d|\w)"), _network,
    ),
    Look(
        "ip_address", "the form of a network address (v6)", ":",
        re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:])"), _network,
    ),
    Look(
        "payment_id", "the form of a stored means of payment", "_",
        re.compile(
            r"\b(?:(?:credit|debit|gift)_card|certificate|voucher|paypal)_\d{4,20}\b"
            r"|\b(?:pm|card|tok|src|cus|ba)_[A-Za-z0-9]{14,64}\b"
        ),
        _always(0.9),
    ),
    Look(
        "birth_date", "a date behind a word for birth", "digit",
        re.compile(
            r"(?i:\b(?:date of birth|birth ?date|birthday|dob|d\.o\.b\.|born)\b)"
            r"[\s:=*,'\"()_]{0,8}(?:is|on|was|of)?[\s*:'\"]{0,5}" + _DATE
        ),
        _born, 1,
    ),
    Look(
        "address", "a number and the name of a street", "digit",
        re.compile(
            r"\b\d{1,5} (?:[A-Z][a-z]{1,20} ){1,3}"
            r"(?:Street|St|Avenue|Ave|Road|Rd|Drive|Dr|Lane|Ln|Boulevard|Blvd|Court|Ct|Parkway)\b"
        ),
        _always(0.75),
    ),
    Look(
        "payment_id", "the last digits of a card", "digit",
        re.compile(
            r"(?i:\b(?:card|visa|mastercard|master card|amex|american express)\b)"
            r"[^\n.]{0,20}(?i:\bending (?:in|with) )\*{0,2}(\d{4})\b"
        ),
        _always(0.75), 1,
    ),
    Look(
        "person_name", "it follows words that introduce a name", "",
        re.compile(
            r"(?:(?i:\b(?:name|passengers?|travell?ers?|customers?|guests?|patients?|clients?))"
            r"[\s:=*_,'\"()-]{1,12}(?:(?:is|are) (?:now )?)?"
            r"|\b(?:I am|I'm|This is|Mr\.?|Mrs\.?|Ms\.?|Dr\.?) )" + _NAME
        ),
        _always(0.75), 1,
    ),
    Look(
        "person_name", "a greeting by name", "",
        re.compile(
            r"\b(?:Hello|Dear|Thank you|Thanks|You're welcome), "
            r"([A-Z][^\W\d_]{1,20})[.,!:]"
        ),
        _greeted, 1,
    ),
)  # fmt: skip


def look_at(text: str, pointer: str, within: str = "") -> Iterator[Finding]:
    """What is found in a text; where two looks see the same characters, the surer one."""
    has_digit = any(one in text for one in "0123456789")
    taken: list[Finding] = []
    for look in LOOKS:
        if not (has_digit if look.sign == "digit" else look.sign in text):
            continue
        for match in look.pattern.finditer(text):
            score = look.score(match[look.part])
            if not score:
                continue
            start, end = match.span(look.part)
            if any(start < one.end and one.start < end for one in taken):
                continue
            finding = Finding(look.kind, pointer, score, look.reason, within, start, end)
            taken.append(finding)
            yield finding
