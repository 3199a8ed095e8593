"""Policies to begin from: texts with slots, filled in by a form. What is typed into a slot becomes
a text of Cedar's, escaped, or is refused: no slot can say more than it is meant to.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from stateward.kernel.errors import NotFound, unfit
from stateward.tenancy.models import AGENT_ROLES

SlotKind = Literal["namespace", "text", "role", "hour", "network"]
SLOT_KINDS: tuple[SlotKind, ...] = ("namespace", "text", "role", "hour", "network")
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Slot:
    """Something to fill in; ``example`` is what the form begins with."""

    name: str
    title: str
    kind: SlotKind
    example: str


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    title: str
    says: str
    slots: tuple[Slot, ...]
    text: str  # with {slot} in the place of each


NAMESPACE = Slot("namespace", "Namespace, with all beneath it", "namespace", "airline.bookings")
TEAM = Slot("team", "Team", "text", "desk")
TEMPLATES: tuple[Template, ...] = (
    Template(
        "one-team-only",
        "One team alone changes a namespace",
        "Agents of other teams are refused writes and deletions, whatever their roles.",
        (NAMESPACE, TEAM),
        """\
forbid (
  principal is Agent,
  action in [Action::"state.write", Action::"state.delete"],
  resource in Namespace::{namespace}
) unless {{ principal.team == {team} }};
""",
    ),
    Template(
        "purpose-needed",
        "A purpose is needed",
        "Values are read only by calls that say what for; the audit keeps it.",
        (NAMESPACE,),
        """\
forbid (
  principal,
  action == Action::"state.read_value",
  resource in Namespace::{namespace}
) unless {{ context has purpose && context.purpose != "" }};
""",
    ),
    Template(
        "working-hours",
        "Writes in working hours only",
        "Agents write between two hours of the day, in UTC.",
        (
            NAMESPACE,
            Slot("from", "From, hour (UTC)", "hour", "6"),
            Slot("to", "To, hour (UTC)", "hour", "20"),
        ),
        """\
forbid (
  principal is Agent,
  action in [Action::"state.write", Action::"state.delete"],
  resource in Namespace::{namespace}
) unless {{
  context.time.toTime() >= duration({from}) && context.time.toTime() < duration({to})
}};
""",
    ),
    Template(
        "second-factor",
        "Restricted values need a second factor",
        "Members read restricted values only after signing in with two factors.",
        (),
        """\
forbid (
  principal is Member,
  action == Action::"state.decrypt_restricted",
  resource
) unless {{ context.mfa }};
""",
    ),
    Template(
        "network",
        "Only from a network",
        "Agents reach a namespace only from addresses of one network.",
        (NAMESPACE, Slot("network", "Network", "network", "10.0.0.0/8")),
        """\
forbid (
  principal is Agent,
  action in Action::"state.*",
  resource in Namespace::{namespace}
) unless {{
  context has source_address && context.source_address.isInRange(ip({network}))
}};
""",
    ),
    Template(
        "region",
        "Entries of a region stay with its team",
        "What is labelled with a region is read by agents of one team alone.",
        (Slot("region", "Region, the label's value", "text", "eu"), TEAM),
        """\
forbid (
  principal is Agent,
  action in Action::"state.read",
  resource is Entry
) when {{
  resource.hasTag("region") && resource.getTag("region") == {region} && principal.team != {team}
}};
""",
    ),
    Template(
        "readers",
        "A role reads a namespace",
        "Agents of a role may read what lies in a namespace, unless it is restricted.",
        (Slot("role", "Role", "role", "writer"), NAMESPACE),
        """\
permit (
  principal in Role::{role},
  action in Action::"state.read",
  resource in Namespace::{namespace}
) unless {{ resource.classification == "restricted" }};
""",
    ),
)


def find_template(name: str) -> Template:
    """NotFound (404) for a name that none has."""
    found = next((one for one in TEMPLATES if one.name == name), None)
    if found is None:
        raise NotFound
    return found


def fill(template: Template, said: Mapping[str, str]) -> str:
    """The text with every slot filled; 422 with the place of one that is missing or does not
    fit.
    """
    values = {slot.name: _filled(slot, str(said.get(slot.name, ""))) for slot in template.slots}
    return template.text.format(**values)


def _filled(slot: Slot, said: str) -> str:
    given = said.strip()
    if not given:
        raise unfit(f"slots/{slot.name}", "fill this in")
    if len(given) > MAX_TEXT:
        raise unfit(f"slots/{slot.name}", f"at most {MAX_TEXT} characters")
    fault = _FAULTS[slot.kind](given)
    if fault:
        raise unfit(f"slots/{slot.name}", fault)
    return quoted(f"{int(given)}h" if slot.kind == "hour" else given)


def quoted(text: str) -> str:
    """A text as Cedar writes it. JSON's escapes are its own but for those of Unicode."""
    written = json.dumps(text, ensure_ascii=False)
    return (
        re.sub(r"\\u([0-9a-f]{4})", r"\\u{\1}", written)
        .replace(r"\b", r"\u{8}")
        .replace(r"\f", r"\u{c}")
    )


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


_FAULTS: dict[SlotKind, Callable[[str], str]] = {
    "namespace": lambda text: "" if _NAMESPACE.fullmatch(text) else "a namespace's name",
    "text": lambda text: "" if text.isprintable() else "one line of text",
    "role": lambda text: "" if text in AGENT_ROLES else f"one of {', '.join(AGENT_ROLES)}",
    "hour": lambda text: "" if text.isdecimal() and int(text) <= 24 else "an hour, 0 to 24",
    "network": lambda text: "" if _is_network(text) else "a network, such as 10.0.0.0/8",
}
