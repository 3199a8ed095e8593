"""Security: who is denied, who signs in and who fails to, what keys and accounts went through."""

from __future__ import annotations

from dashboards import figures
from dashboards.metrics.alerting import alerts
from dashboards.metrics.building import (
    Build,
    Kind,
    Panel,
    coloured,
    counted_figure,
    peak,
    ranking,
    total,
    with_others,
)
from dashboards.metrics.frame import Frame
from stateward.operations.metrics.counts import Which
from stateward.operations.metrics.sign_ins import DIMENSION as FAILED

DENIED = Which("actor", outcome="deny")
SIGNED_IN = "account.signed_in"
ACCOUNTS = (
    "account.password_changed",
    "account.factor_added",
    "account.factor_removed",
    "account.factor_renewed",
    "audit.export",
    "backup.create",
    "backup.restore",
    "breakglass.use",
    "credential.manage",
)
LOOKED_AT = Which(actions=(SIGNED_IN, *ACCOUNTS), outcome="allow")  # one question for two figures


def by_principal(frame: Frame) -> Panel:
    counts = with_others(frame.counts(DENIED, "value"))
    names = {one.value: one.label for one in frame.ranked(DENIED)}
    return counted_figure(
        frame,
        "denied",
        title="Denials by principal",
        says=f"{figures.count(total(counts))} denials; {peak(counts, frame)}."
        if counts
        else f"Nobody was denied anything in {frame.range.says}.",
        counts=counts,
        kinds=coloured(
            counts,
            lambda value: names.get(value) or "someone unknown",
            lambda value: {"outcome": "deny", "actor": value},
        ),
        together={"outcome": "deny"},
    )


def most_denied(frame: Frame) -> Panel:
    found = frame.ranked(DENIED)
    whole = sum(one.count for one in found)
    if found:
        share = figures.digits(100 * found[0].count / whole)
        says = f"{found[0].label or 'Someone unknown'} alone has {share} % of all denials."
    else:
        says = f"Nobody was denied anything in {frame.range.says}."
    return ranking(
        frame,
        "most-denied",
        title="Who is denied most",
        says=says,
        found=found,
        query=lambda one: {"outcome": "deny", "actor": one.value},
        of="a principal",
        tone="bad",
    )


def sign_ins(frame: Frame) -> Panel:
    succeeded = [one for one in frame.counts(LOOKED_AT, "action") if one.name == SIGNED_IN]
    failed = frame.counts(Which(FAILED), "action")
    counts = [*succeeded, *failed]
    return counted_figure(
        frame,
        "sign-ins",
        title="Sign-ins of members",
        says=f"{figures.count(total(succeeded))} sign-ins; {figures.count(total(failed))} failed "
        "with a member's address."
        if counts
        else f"No member signed in, or failed to, in {frame.range.says}.",
        counts=counts,
        kinds={
            SIGNED_IN: Kind("signed in", "series-1", {"action": SIGNED_IN, "outcome": "allow"}),
            "account.sign_in_failed": Kind("failed", "bad-mark"),  # on record with the platform
        },
        together=None if failed else {"action": SIGNED_IN, "outcome": "allow"},
    )


def accounts(frame: Frame) -> Panel:
    found = frame.counts(LOOKED_AT, "action")
    counts = with_others([one for one in found if one.name != SIGNED_IN])
    return counted_figure(
        frame,
        "accounts",
        title="Exports, keys and accounts",
        says=f"{figures.count(total(counts))} acts that deserve a look in {frame.range.says}."
        if counts
        else f"No export, restore, change of a key or account in {frame.range.says}.",
        counts=counts,
        kinds=coloured(
            counts,
            lambda name: name.replace("_", " ").replace(".", ": "),
            lambda name: {"action": name, "outcome": "allow"},
        ),
        together={"action": ",".join(ACCOUNTS), "outcome": "allow"},
    )


def most_active(frame: Frame) -> Panel:
    found = frame.ranked(Which("actor"))
    return ranking(
        frame,
        "most-active",
        title="Who did most on record",
        says=f"{found[0].label or 'Someone unknown'} did most, "
        f"{figures.count(found[0].count)} records."
        if found
        else f"Nothing is on record in {frame.range.says}.",
        found=found,
        query=lambda one: {"actor": one.value},
        of="a principal",
    )


FIGURES: dict[str, Build] = {
    "alerts": alerts,
    "denied": by_principal,
    "most-denied": most_denied,
    "sign-ins": sign_ins,
    "accounts": accounts,
    "most-active": most_active,
}


def said(frame: Frame) -> str:
    """Whether somebody stands out."""
    found = frame.ranked(DENIED)
    failed = total(frame.counts(Which(FAILED), "action"))
    tried = f"{failed} sign-ins failed" if failed != 1 else "one sign-in failed"
    if not found:
        return f"Nobody was denied anything in {frame.range.says}, and {tried}."
    whole = sum(one.count for one in found)
    name = found[0].label or "someone unknown"
    return (
        f"{figures.count(whole)} denials in {frame.range.says}, "
        f"{figures.count(found[0].count)} of them of {name}; {tried}."
    )
