"""How people sign in: guessing, spraying, and what a guess that succeeded looks like."""

from __future__ import annotations

from collections.abc import Iterator

from governance.detection.rule import (
    Hit,
    Rule,
    Scene,
    Subject,
    Threshold,
    Thresholds,
    actor_of,
    hit_of,
    minutes,
    within,
)
from governance.detection.sightings import Sighting
from governance.detection.windows import burst, by, total

FAILED = "account.sign_in_failed"
BOTH = frozenset({"tenant", "platform"})
WEAKENING = ("account.factor_removed", "account.recovery_code_used")


def _failures(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    failures = scene.of(FAILED)
    span = within(thresholds)
    accounts = by(_account, (one for one in failures if one.resource_type == "member"))
    for subject, found in accounts.items():
        if taken := burst(found, within=span, at_least=thresholds["per_account"]):
            yield hit_of(subject, taken, _tried_account, action=FAILED)
    for address, found in by(lambda one: one.address, failures).items():
        if address and (taken := burst(found, within=span, at_least=thresholds["per_address"])):
            yield hit_of(Subject("address", address, address), taken, _tried_from, action=FAILED)


def _spraying(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    for address, found in by(lambda one: one.address, scene.of(FAILED)).items():
        if not address:
            continue
        taken = burst(
            found,
            within=within(thresholds),
            at_least=thresholds["accounts"],
            distinct=lambda one: one.email or one.resource_id,
        )
        if taken:
            yield hit_of(Subject("address", address, address), taken, _sprayed, action=FAILED)


def _success_after(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    span = within(thresholds)
    failures = by(lambda one: one.resource_id, scene.of(FAILED))
    for success in scene.of("account.signed_in"):
        before = [
            one
            for one in failures.get(str(success.actor_id), [])
            if success.at - span <= one.at <= success.at
        ]
        # Either may be what is seen late.
        is_new = success.is_new or any(one.is_new for one in before)
        if is_new and total(before) >= thresholds["failures"]:
            yield hit_of(actor_of(success), [*before, success], _got_in)


def _weakened(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    for subject, found in by(actor_of, scene.of(*WEAKENING)).items():
        if new := [one for one in found if one.is_new]:
            yield hit_of(subject, new, _weaker, action="account.*")


def _account(one: Sighting) -> Subject:
    return Subject("member", one.resource_id)


def _tried_account(name: str, count: int) -> str:
    return f"Signing in as {name} failed {count:,} times."


def _tried_from(name: str, count: int) -> str:
    return f"From {name}, signing in failed {count:,} times."


def _sprayed(name: str, count: int) -> str:
    return f"{name} tried to sign in to several accounts, and failed {count:,} times."


def _got_in(name: str, count: int) -> str:
    return f"{name} signed in after {count - 1:,} failed attempts: someone may have guessed."


def _weaker(name: str, count: int) -> str:
    times = "once" if count == 1 else f"{count:,} times"
    return f"{name} removed a second factor or used a recovery code, {times}."


RULES = (
    Rule(
        "sign_in_failures",
        1,
        "Sign-in fails again and again",
        "Someone tries passwords for one account, or from one address.",
        "Ask the person. If it was not them, see that a second factor is on and that the password "
        "is used nowhere else.",
        "medium",
        ("API2:2023", "ASI03"),
        (
            Threshold("per_account", "Failures of one account", 5, 2, 10_000),
            Threshold("per_address", "Failures from one address", 10, 2, 10_000),
            minutes(10),
        ),
        _failures,
        BOTH,
    ),
    Rule(
        "password_spraying",
        2,
        "One address tries many accounts",
        "A few passwords are tried on many accounts, so that no single one stands out.",
        "Shut the address out at your proxy. Look whether any of the accounts let it in.",
        "high",
        ("API2:2023", "ASI03"),
        (Threshold("accounts", "Different accounts", 4, 2, 1_000), minutes(15)),
        _spraying,
        BOTH,
    ),
    Rule(
        "sign_in_after_failures",
        3,
        "Sign-in succeeds after a burst of failures",
        "What follows a row of failures may be a guess that was right.",
        "Ask the person. If it was not them, end their sessions and have the password reset.",
        "high",
        ("API2:2023", "ASI03"),
        (Threshold("failures", "Failures before the success", 4, 2, 1_000), minutes(15)),
        _success_after,
    ),
    Rule(
        "second_factor_weakened",
        6,
        "A second factor is removed, or a recovery code used",
        "Whoever holds a stolen session or code removes what stands in their way.",
        "Ask the person on another way than by mail. Else suspend the member.",
        "high",
        ("API2:2023", "ASI03"),
        (),
        _weakened,
    ),
)
