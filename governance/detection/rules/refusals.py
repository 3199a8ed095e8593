"""What the gate refuses: walks through ids, other tenants' names, reaching for more rights, and
rules that cannot be evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

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
from governance.detection.windows import burst, by
from stateward.tenancy.models import Credential

FOREIGN = "other_tenant"
# What refuses someone who hands out more than they hold, or hands it to themselves.
REACHING = frozenset(
    {
        "own_roles",
        "own_membership",
        "own_grant",
        "above_own_roles",
        "above_own_rights",
        "above_own_grant",
    }
)
UNOPENED = "cannot_decrypt"


def _many(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    refused = (one for one in scene.sightings if one.is_denied and one.actor_type != "system")
    for subject, found in by(actor_of, refused).items():
        taken = burst(
            found,
            within=within(thresholds),
            at_least=thresholds["things"],
            distinct=lambda one: one.thing,
        )
        if taken:
            yield hit_of(subject, taken, _walked, actor=subject.id, outcome="deny")


def _foreign(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    named = (one for one in scene.sightings if one.is_new and FOREIGN in {one.reason, one.code})
    for subject, found in by(actor_of, named).items():
        yield hit_of(subject, found, _named_another, actor=subject.id, outcome="deny")


def _reaching(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    reached = (one for one in scene.sightings if one.is_new and REACHING & {one.reason, one.code})
    for subject, found in by(actor_of, reached).items():
        yield hit_of(subject, found, _reached, actor=subject.id, outcome="deny")


def _errors(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    failed = scene.of(outcome="deny_error")
    for name, found in by(lambda one: (*one.determining, "A forbid")[0], failed).items():
        taken = burst(found, within=within(thresholds), at_least=thresholds["errors"])
        if taken:
            yield hit_of(Subject("policy", name[:128], name[:254]), taken, _erred)


def _unopened(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    failed = [one for one in scene.sightings if one.reason.startswith(UNOPENED)]
    for namespace_id, found in by(lambda one: one.namespace_id, failed).items():
        taken = burst(found, within=within(thresholds), at_least=thresholds["failures"])
        if taken:
            subject = Subject("namespace", str(namespace_id))
            yield hit_of(subject, taken, _did_not_open, outcome="error")


def _after_end(scene: Scene, thresholds: Thresholds) -> Iterator[Hit]:
    used = [one for one in scene.of("access") if one.reason == "credential_revoked"]
    ids = {one.resource_id for one in used}
    rows = Credential.objects.filter(tenant_id=scene.tenant_id, id__in=ids) if ids else ()
    ended = {str(one.id): one.revoked_at for one in rows}
    grace = timedelta(minutes=thresholds["grace_minutes"])
    late = [
        one
        for one in used
        if one.is_new and (end := ended.get(one.resource_id)) and one.at > end + grace
    ]
    for subject, found in by(actor_of, late).items():
        yield hit_of(subject, found, _still_used, actor=subject.id, action="access")


def _walked(name: str, count: int) -> str:
    return f"{name} was refused {count:,} times, on many different things."


def _named_another(name: str, count: int) -> str:
    times = "once" if count == 1 else f"{count:,} times"
    return f"{name} named another tenant, {times}. It was let into none."


def _reached(name: str, count: int) -> str:
    times = "once" if count == 1 else f"{count:,} times"
    return f"{name} tried to hand out more rights than they hold, or to themselves, {times}."


def _erred(name: str, count: int) -> str:
    times = "once" if count == 1 else f"{count:,} times"
    return f"{name} could not be evaluated, {times}. Each time the answer was no."


def _did_not_open(name: str, count: int) -> str:
    values = "1 value" if count == 1 else f"{count:,} values"
    return f"{values} of {name} could not be decrypted: altered, moved, or under another key."


def _still_used(name: str, count: int) -> str:
    return f"A revoked key of {name} was used {count:,} more times. It opened nothing."


RULES = (
    Rule(
        "key_used_after_end",
        8,
        "A revoked key is used",
        "A key that was taken back is still in somebody's hands.",
        "Find out where it still lies. Nothing was opened with it.",
        "high",
        ("API2:2023", "ASI03"),
        (Threshold("grace_minutes", "Minutes it may still be tried", 5, 0, 1440),),
        _after_end,
    ),
    Rule(
        "many_refusals",
        9,
        "One principal is refused on many things",
        "A program or a person walks through ids or keys to see what opens.",
        "Look at what it asked for. Pause the agent if that is not its work.",
        "high",
        ("API1:2023", "API5:2023", "ASI02"),
        (Threshold("things", "Different things refused", 20, 3, 10_000), minutes(5)),
        _many,
    ),
    Rule(
        "foreign_tenant",
        11,
        "Another tenant is named",
        "A credential of this tenant is presented for another one.",
        "Look whether a program is set up wrongly; else pause it.",
        "high",
        ("API1:2023", "ASI03"),
        (),
        _foreign,
    ),
    Rule(
        "reaching_for_rights",
        13,
        "Someone reaches for more rights",
        "A role or grant is given to oneself, or above one's own.",
        "Ask them what they need, and who may give it.",
        "high",
        ("API5:2023", "ASI03"),
        (),
        _reaching,
    ),
    Rule(
        "policy_errors",
        16,
        "A forbid cannot be evaluated",
        "A forbid that fails denies everything it might be about.",
        "Open the policy, try it on what was asked, and put a mended version in force.",
        "medium",
        ("API8:2023",),
        (Threshold("errors", "Failed evaluations", 1, 1, 10_000), minutes(10)),
        _errors,
    ),
    Rule(
        "values_do_not_open",
        20,
        "Values cannot be decrypted",
        "Stored values were altered or moved, or their key is not the one they were sealed with.",
        "Compare the records with a backup before anything is written over them.",
        "critical",
        ("API8:2023", "ASI06"),
        (Threshold("failures", "Values that do not open", 3, 1, 10_000), minutes(10)),
        _unopened,
    ),
)
