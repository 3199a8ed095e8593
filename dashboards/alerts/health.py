"""Detection among the parts of the overview."""

from __future__ import annotations

from dashboards import figures
from dashboards.health import Part
from governance.detection.standing import Standing

NAME = "Detection"


def detection_part(stands: Standing) -> Part:
    """Whether the rules are being evaluated."""
    if stands.silent_for is None:
        return Part(NAME, "off", "Not seen", "No rule was evaluated yet")
    well = stands.rules - stands.late
    picture = f"Detection: {well} of {stands.rules} rules evaluated in time"
    share = well / stands.rules if stands.rules else 0.0
    ago = figures.span(stands.silent_for)
    if not well:
        says = f"No rule was evaluated for {ago}; start a worker"
        return Part(NAME, "bad", "Stopped", says, share=share, picture=picture)
    if stands.late:
        says = f"{stands.late} of {stands.rules} rules are not evaluated in time"
        return Part(NAME, "warn", "Look", says, share=share, picture=picture)
    says = f"{stands.rules} rules, last evaluated {ago} ago"
    return Part(NAME, "ok", "Works", says, share=share, picture=picture)
