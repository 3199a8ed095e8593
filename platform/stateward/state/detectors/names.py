"""What the name of a member says about its value, together with what stands beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from stateward.state.detectors.numbers import (
    is_birth_date,
    is_card,
    is_iban,
    is_national,
    is_phone,
    network_of,
)
from stateward.state.detectors.texts import NO_SECRETS

MOST_NAME = 128  # characters of a member's name that are looked at
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "BR")  # a number without its country

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]{1,64}")
_PERSONAL = re.compile(r"[^\W\d_](?:[^\W\d_]|[ .'’,-]){0,79}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Hint(NamedTuple):
    """What a member's name says its value is, if it looks like it."""

    kind: str
    score: float
    reason: str


_NAME_WORDS = _words(
    "first_name last_name full_name given_name family_name middle_name maiden_name surname "
    "forename firstname lastname fullname passenger_name customer_name client_name contact_name "
    "patient_name employee_name cardholder cardholder_name card_holder holder_name "
    "account_holder guest_name recipient_name display_name traveler_name traveller_name"
)
_BIRTH_WORDS = _words("dob birth_date birthdate birthday date_of_birth born born_on day_of_birth")
_STREET_WORDS = _words(
    "street street_address address_line address_line_1 address_line_2 address1 address2 address_1 "
    "address_2 line1 line2 home_address mailing_address postal_address billing_address "
    "shipping_address"
)
_CODE_WORDS = _words("zip zip_code zipcode postcode postal_code post_code")
_PLACE_WORDS = _words("city town province state county")
_EMAIL_WORDS = _words("email e_mail mail email_address e_mail_address")
_PHONE_WORDS = _words(
    "phone telephone tel mobile cell fax phone_number mobile_number telephone_number cell_phone "
    "mobile_phone home_phone work_phone contact_number msisdn"
)
_NATIONAL_WORDS = _words(
    "ssn social_security social_security_number national_id national_identity_number "
    "national_insurance_number nino tax_id tax_number taxpayer_id passport passport_number "
    "passport_no id_number identity_number personal_number personnummer pesel bsn cpf dni nie nif "
    "nir codice_fiscale aadhaar drivers_license driver_license license_number licence_number "
    "nhs_number"
)
_CARD_WORDS = _words(
    "card card_number cardnumber credit_card credit_card_number debit_card pan cc_number"
)
_CARD_PARTS = _words("last_four last4 last_4 card_last_four card_last4")
_CODE_OF_CARD = _words("cvv cvc cvv2 cvc2 security_code card_code")
_IBAN_WORDS = _words("iban account_number bank_account bank_account_number")
_PAYMENT_WORDS = _words(
    "payment_id payment_method_id payment_token card_id payment_source_id stripe_id"
)
_IP_WORDS = _words(
    "ip ip_address client_ip remote_addr remote_address source_ip source_address peer_ip"
)
_SECRET_ENDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "secret_key", "client_secret",
    "private_key", "api_key", "apikey", "access_key", "access_token", "refresh_token", "auth_token",
    "session_token", "bearer_token", "credential", "credentials", "recovery_code", "pin",
    "connection_string",
)  # fmt: skip
# Beside a plain ``name`` these say that it is a person's.
_BESIDE = _BIRTH_WORDS | _EMAIL_WORDS | _PHONE_WORDS | _NATIONAL_WORDS | _STREET_WORDS
_BESIDE |= _words("address gender nationality membership passport seat")
_PEOPLE = _words(
    "passenger passengers customer customers user users client clients person people contact "
    "contacts patient patients employee employees guest guests member members traveler travelers "
    "saved_passengers emergency_contact owner author"
)
_NO_NAMES = _words("unknown none null n/a na test anonymous user admin guest true false")


def word_of(name: str) -> str:
    """``dateOfBirth`` → ``date_of_birth``: a member's name as the lists above spell it."""
    humps = _HUMP.sub("_", name[:MOST_NAME])
    return _NOT_WORD.sub("_", humps.lower()).strip("_")


def words_of(names: Collection[str]) -> frozenset[str]:
    return frozenset(word_of(name) for name in list(names)[:200])


def hint_of(word: str, value: Any, beside: frozenset[str], parent: str, today: date) -> Hint | None:
    """What a leaf is by its name. ``beside``: the words of the object it is in; ``parent``: of
    what holds that object.
    """
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    if not text or len(text) > 4096:
        return None
    for said in (_secret, _plain, _proven, _person, _place):
        hint = said(word, text, beside, parent, today)
        if hint is not None:
            return hint if _is_fit(hint, value) else None
    return None


def _is_fit(hint: Hint, value: Any) -> bool:
    """Numbers are no names, places or passwords; what is counted in digits may be one."""
    numeric = {"phone", "national_id", "card", "payment_id", "address", "secret"}
    return isinstance(value, str) or hint.kind in numeric


def _secret(word: str, text: str, beside: frozenset[str], parent: str, today: date) -> Hint | None:
    if word in _CODE_OF_CARD and text.isascii() and text.isdigit() and len(text) in {3, 4}:
        return Hint("secret", 0.9, "a member called like a card's code")
    if not any(word == end or word.endswith(f"_{end}") for end in _SECRET_ENDS):
        return None
    bare = text.lower()
    if bare in NO_SECRETS or bare[0] in "<{$*[" or len(bare) < 4:
        return None
    return Hint("secret", 0.9, "a member called like a secret")


def _plain(word: str, text: str, beside: frozenset[str], parent: str, today: date) -> Hint | None:
    if word in _EMAIL_WORDS and "@" in text:
        return Hint("email", 0.98, "a member called like an e-mail address")
    if word in _IP_WORDS and network_of(text) is not None:
        return Hint("ip_address", 0.95, "a member called like a network address")
    if word in _BIRTH_WORDS and is_birth_date(text, today):
        return Hint("birth_date", 0.97, "a member called like a birth date, and a plausible date")
    if word in _PAYMENT_WORDS and any(one.isdigit() for one in text):
        return Hint("payment_id", 0.85, "a member called like a means of payment")
    if word in _CARD_PARTS and len(text) == 4 and text.isdigit():
        return Hint("payment_id", 0.7, "the last digits of a card")
    return None


def _proven(word: str, text: str, beside: frozenset[str], parent: str, today: date) -> Hint | None:
    if word in _CARD_WORDS and is_card(text):
        return Hint("card", 0.98, "a member called like a card, and its check digit fits")
    if word in _IBAN_WORDS and is_iban(text):
        return Hint("iban", 0.99, "a member called like an account, and its check digits fit")
    if word in _PHONE_WORDS or word.endswith(("_phone", "_phone_number", "_mobile")):
        return _phone(text)
    if word in _NATIONAL_WORDS and 5 <= len(text) <= 20 and any(one.isdigit() for one in text):
        if is_national(text):
            return Hint("national_id", 0.95, "called like a national number, and its check fits")
        return Hint("national_id", 0.75, "a member called like a national number")
    return None


def _phone(text: str) -> Hint | None:
    digits = sum(one.isdigit() for one in text)
    if not 6 <= digits <= 15 or len(text) > 40:
        return None
    if is_phone(text) or any(is_phone(text, region) for region in REGIONS):
        return Hint("phone", 0.95, "called like a telephone number, and a country's plan has it")
    return Hint("phone", 0.8, "a member called like a telephone number")


def _person(word: str, text: str, beside: frozenset[str], parent: str, today: date) -> Hint | None:
    if not _is_personal(text):
        return None
    if word in _NAME_WORDS:
        return Hint("person_name", 0.92, "a member called like a person's name")
    if word in {"first", "last", "given", "family"} and len(beside & {"first", "last"}) == 2:
        return Hint("person_name", 0.85, "first and last beside each other")
    if word == "name" and beside & _BESIDE:
        return Hint("person_name", 0.85, "a name beside other personal members")
    if word == "name" and parent in _PEOPLE and text[0].isupper():
        return Hint("person_name", 0.7, "the name of what is called a person")
    return None


def _is_personal(text: str) -> bool:
    is_name = bool(_PERSONAL.fullmatch(text)) and len(text.split()) <= 5
    return is_name and text.lower() not in _NO_NAMES


def _place(word: str, text: str, beside: frozenset[str], parent: str, today: date) -> Hint | None:
    if word in _STREET_WORDS:
        return Hint("address", 0.9, "a member called like a line of an address")
    if word == "address" and any(one.isdigit() for one in text) and " " in text and "@" not in text:
        return Hint("address", 0.85, "a member called address, with a number in it")
    is_address = bool(beside & _STREET_WORDS) or "address" in parent
    if word in _CODE_WORDS and len(text) <= 12 and any(one.isdigit() for one in text):
        score = 0.85 if is_address else 0.65
        return Hint("address", score, "a member called like a postal code")
    if word in _PLACE_WORDS and is_address and not text.isdigit() and len(text) <= 80:
        return Hint("address", 0.7, "the place of an address beside it")
    return None


def words_beside(value: Mapping[str, Any]) -> frozenset[str]:
    return words_of(value.keys())
