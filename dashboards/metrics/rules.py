"""Governance: what was decided, which policies denied, and who changed the rules."""

from __future__ import annotations

from dashboards import figures
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
from stateward.operations.metrics.counts import Count, Which

DENIED = Which(outcome="deny")
POLICIES = Which(actions=("policy.*",), outcome="allow")
RIGHTS = ("grant.*", "member.*", "agent.*", "credential.*")
SENSITIVE = ("restricted", "confidential")
READS = ("state.read_value", "state.decrypt_restricted")
REASONS = {
    "deny_forbid": Kind("forbidden", "bad-mark", {"outcome": "deny_forbid"}),
    "deny_no_match": Kind("no match", "warn-mark", {"outcome": "deny_no_match"}),
}


def decisions(frame: Frame) -> Panel:
    outcomes = frame.counts(Which(), "outcome")
    denied = [one for one in outcomes if one.name != "allow"]
    counts = [one for one in outcomes if one.name == "allow"]
    if denied:
        steps = zip(*(one.counts for one in denied), strict=True)
        counts.append(Count("deny", tuple(sum(step) for step in steps)))
    whole, refused = total(outcomes), total(denied)
    share = f"{figures.digits(100 * refused / whole)} %" if whole else ""
    return counted_figure(
        frame,
        "decisions",
        title="Recorded decisions",
        says=f"{figures.count(whole)} decisions on record in {frame.range.says}; "
        f"{figures.count(refused)} of them denied, {share}."
        if whole
        else f"No decision is on record in {frame.range.says}.",
        counts=counts,
        kinds={
            "allow": Kind("allowed", "series-1", {"outcome": "allow"}),
            "deny": Kind("denied", "bad-mark", {"outcome": "deny"}),
        },
        together={},
    )


def reasons(frame: Frame) -> Panel:
    counts = [one for one in frame.counts(Which(), "outcome") if one.name != "allow"]
    known = with_others(counts)
    others = coloured(
        [one for one in known if one.name not in REASONS],
        lambda name: name.removeprefix("deny_").replace("_", " "),
        lambda name: {"outcome": name},
    )
    return counted_figure(
        frame,
        "reasons",
        title="Denials by reason",
        says=f"{figures.count(total(counts))} denials, {peak(counts, frame)}."
        if counts
        else f"Nothing was denied in {frame.range.says}.",
        counts=known,
        kinds=others | REASONS,
        together={"outcome": "deny"},
    )


def by_policy(frame: Frame) -> Panel:
    found = frame.ranked(Which("policy", outcome="deny"))
    if found:
        says = f"{found[0].label} denied most, {figures.whole(found[0].count)} times."
    else:
        says = f"No policy denied anything in {frame.range.says}."
    return ranking(
        frame,
        "policies",
        title="Denials by policy",
        says=says,
        found=found,
        query=lambda one: {"outcome": "deny", "policy": one.value},
        of="a policy",
        tone="bad",
    )


def policy_changes(frame: Frame) -> Panel:
    counts = with_others(frame.counts(POLICIES, "action"))
    return counted_figure(
        frame,
        "policy-changes",
        title="Policy changes",
        says=f"{figures.count(total(counts))} acts on policies in {frame.range.says}."
        if counts
        else f"No policy was changed in {frame.range.says}.",
        counts=counts,
        kinds=coloured(
            counts,
            lambda name: name.removeprefix("policy."),
            lambda name: {"action": name, "outcome": "allow"},
        ),
        together={"action": "policy.*", "outcome": "allow"},
    )


def sensitive_reads(frame: Frame) -> Panel:
    which = Which(actions=READS, outcome="allow", classifications=SENSITIVE)
    counts = frame.counts(which, "classification")
    asked = {"action": ",".join(READS), "outcome": "allow"}
    return counted_figure(
        frame,
        "sensitive-reads",
        title="Sensitive reads",
        says=f"{figures.count(total(counts))} reads of restricted or confidential values; "
        f"{peak(counts, frame)}."
        if counts
        else f"Nobody read a restricted or confidential value in {frame.range.says}.",
        counts=counts,
        kinds={
            "restricted": Kind("restricted", "series-4", asked | {"classification": "restricted"}),
            "confidential": Kind(
                "confidential", "series-1", asked | {"classification": "confidential"}
            ),
        },
        together=asked | {"classification": ",".join(SENSITIVE)},
    )


def rights(frame: Frame) -> Panel:
    counts = frame.counts(Which(actions=RIGHTS, outcome="allow"), "family")
    return counted_figure(
        frame,
        "rights",
        title="Rights and people",
        says=f"{figures.count(total(counts))} acts on grants, members, agents and credentials."
        if counts
        else f"No right was given or taken in {frame.range.says}.",
        counts=counts,
        kinds=coloured(
            counts,
            lambda name: f"{name}s",
            lambda name: {"action": f"{name}.*", "outcome": "allow"},
        ),
        together={"action": ",".join(RIGHTS), "outcome": "allow"},
    )


FIGURES: dict[str, Build] = {
    "decisions": decisions,
    "reasons": reasons,
    "policies": by_policy,
    "policy-changes": policy_changes,
    "sensitive-reads": sensitive_reads,
    "rights": rights,
}


def said(frame: Frame) -> str:
    """How governance stands in this range."""
    outcomes = frame.counts(Which(), "outcome")
    denied = total([one for one in outcomes if one.name != "allow"])
    changes = total(frame.counts(POLICIES, "action"))
    told = f"{figures.count(denied)} denied" if denied else "none denied"
    acts = f"{changes} acts on policies" if changes != 1 else "one act on a policy"
    whole = figures.count(total(outcomes))
    return f"{whole} decisions on record in {frame.range.says}, {told}; {acts}."
