"""What must not leave is masked before anything does. Plain Python.

By classification: of a *restricted* value nothing leaves; of a *confidential* one its shape, its
numbers and its truths, but no text; a *public* or *internal* one leaves as it is, but for what
looks like a secret or like personal data, whatever its class says. Looks are judged generously: a
text masked without need costs an explanation some colour, one let through cannot be taken back.

Masked is the whole value where its member is called ``password`` and the like, else the part that
was recognised. Names of members are masked as texts are. Long texts are cut before they are looked
at, with a margin that is looked at and not shown: a secret that the cut divides stays hidden, and
no text can keep the patterns busy.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

MOST_DEPTH = 32
MOST_TEXT = 2_000
MOST_PARTS = 5_000
"""Members and items of one question; what comes after them is left out."""
_MARGIN = 500
_LONG = 24

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|secret|token|credential|auth(orization)?$|cookie|signature"
    r"|api[-_ ]?key|private[-_ ]?key|session[-_ ]?id|recovery[-_ ]?code|connection[-_ ]?string"
    r"|^pin$|cvv|cvc|^otp$",
    re.IGNORECASE,
)
_PERSONAL_NAME = re.compile(
    r"(^|[-_ ])(first|last|full|given|family|sur|maiden|middle)[-_ ]?name$"
    r"|birth|^dob$|passport|ssn|social[-_ ]?security|tax[-_ ]?id|national[-_ ]?id"
    r"|e?mail|phone|mobile|^fax$|street|address|postcode|zip([-_ ]?code)?$|iban"
    r"|(account|card|licen[cs]e)[-_ ]?(no|number)|diagnos|religio|ethnic|salary",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Look:
    """One kind of text that is masked wherever it stands."""

    kind: str
    pattern: re.Pattern[str]
    is_so: Callable[[str], bool] = lambda found: True


def _is_card(found: str) -> bool:
    digits = [int(one) for one in found if one.isdigit()]
    doubled = [2 * one if place % 2 else one for place, one in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(one - 9 if one > 9 else one for one in doubled) % 10 == 0


def _is_phone(found: str) -> bool:
    digits = sum(one.isdigit() for one in found)
    return 8 <= digits <= 15 and not re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", found)


def _is_random(found: str) -> bool:
    """Long, with digits or of both cases, and no letter much more common than another: keys and
    hashes, not words.
    """
    has_digit = any(one.isdigit() for one in found)
    is_word = found.isalpha() or not (has_digit or (found.isalnum() and not found.islower()))
    if len(found) < _LONG or is_word:
        return False
    counts = Counter(found)
    entropy = -sum(n / len(found) * math.log2(n / len(found)) for n in counts.values())
    return entropy > 3.0


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _is_opaque(found: str) -> bool:
    return not _UUID.fullmatch(found) and _is_random(found)


_LOOKS = (
    _Look(
        "private key",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
        ),
    ),
    _Look("token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(\.[\w-]*)?")),
    _Look(
        "key",
        re.compile(
            r"\b(sk|pk|rk|sw|ghp|gho|ghs|ghu|glpat|xox[abprs]|hf|npm|pypi|AKIA|ASIA|AIza)[-_]?[\w-]{12,}"
        ),
    ),
    _Look("credential", re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")),
    _Look("credential", re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@")),
    _Look(
        "credential",
        re.compile(
            r"(?i)\b(pass(word|wd|phrase)?|secret|token|api[-_ ]?key|pin)\b\s*(is|[:=])\s*\S+"
        ),
    ),
    _Look(
        "e-mail address", re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\s@<>\"'(),;:.]{2,}")
    ),
    _Look(
        "bank account", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
    ),
    _Look("card number", re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), _is_card),
    _Look("social security number", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    _Look("network address", re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")),
    _Look("telephone number", re.compile(r"(?<![\w.-])\+?\d[\d ()/.-]{6,}\d(?![\w-])"), _is_phone),
    _Look("key", re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}"), _is_opaque),
)


@dataclass(slots=True)
class Masked:
    """What was masked so far, by kind; given on with the answer and into the audit."""

    counts: Counter[str] = field(default_factory=Counter)
    parts: int = 0

    def text(self, text: str) -> str:
        """A text without what looks like a secret or personal, cut where it is long."""
        shown = text[: MOST_TEXT + _MARGIN]
        for look in _LOOKS:
            shown = look.pattern.sub(partial(self._instead, look), shown)
        if len(text) <= MOST_TEXT:
            return shown
        return f"{shown[:-_MARGIN]}… [cut: {len(text):,} characters in all]"

    def value(self, value: Any, classification: str) -> Any:
        """A value as far as its class lets it out."""
        if classification == "restricted":
            return self.whole("restricted value")
        return self._walk(value, classification == "confidential", MOST_DEPTH)

    def whole(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"[masked: {kind}]"

    def _instead(self, look: _Look, found: re.Match[str]) -> str:
        return self.whole(look.kind) if look.is_so(found[0]) else found[0]

    def _walk(self, value: Any, is_confidential: bool, depth: int) -> Any:
        self.parts += 1
        if self.parts > MOST_PARTS or (depth == 0 and isinstance(value, dict | list)):
            return "[left out]"
        if isinstance(value, dict):
            return {
                self.text(name): self._member(name, item, is_confidential, depth)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item, is_confidential, depth - 1) for item in value]
        if isinstance(value, str):
            return self.whole("confidential text") if is_confidential else self.text(value)
        return self._number(value)

    def _member(self, name: str, item: Any, is_confidential: bool, depth: int) -> Any:
        if item is None or isinstance(item, bool):
            return item
        if _SECRET_NAME.search(name):
            return self.whole("secret")
        if _PERSONAL_NAME.search(name) and not isinstance(item, dict | list):
            return self.whole("personal detail")
        return self._walk(item, is_confidential, depth - 1)

    def _number(self, value: Any) -> Any:
        """A number that would be masked as a text is masked as a number too."""
        text = str(value)
        return value if len(text) < 9 or self.text(text) == text else self.whole("number")
