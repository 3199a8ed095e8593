"""What templates of the console are built with; docs/console.md shows each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.forms import BoundField
from django.template.context import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboards import figures
from dashboards.icons import PATHS
from dashboards.navigation import exists
from stateward.kernel.clock import now

register = template.Library()

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
TONE_ICONS = {
    "ok": "check",
    "warn": "warning",
    "bad": "stop-sign",
    "seal": "seal",
    "accent": "edit",
}


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """``{% icon "shield" %}``; ``small`` is 12 px; ``label`` where no word stands beside it."""
    # Paths are constants of ours; nothing here comes from a user.
    drawing = mark_safe(f'<path d="{PATHS[name]}"/>')  # noqa: S308
    svg = format_html(
        '<svg class="icon{}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>',
        f" {size}" if size else "",
        drawing,
    )
    return format_html('{}<span class="hidden-text">{}</span>', svg, label) if label else svg


@register.simple_tag(takes_context=True)
def to(context: Context, name: str, *args: Any, **kwargs: Any) -> str:
    """``{% to "namespace" entry.namespace %}``: the address of a page of this tenant."""
    return reverse(f"console:{name}", args=[context["tenant"].tenant_slug, *args], kwargs=kwargs)


@register.simple_tag
def when(at: datetime | None, style: str = "relative", none: str = "never") -> SafeString | str:
    """A ``<time>``: ``relative`` (3 min ago), ``clock`` (09:42:17.031), ``second``,
    ``full``, or ``day``.

    The server writes UTC; the browser rewrites to local time where the person asked for it.
    """
    if at is None:
        return none
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-when="{}" title="{}">{}</time>',
        f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z",
        style,
        figures.exact(utc),
        _written(utc, style),
    )


def _written(utc: datetime, style: str) -> str:
    if style == "clock":
        return f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03d}"
    if style == "second":
        return f"{utc:%H:%M:%S}"
    if style == "full":
        return f"{utc.day} {utc:%b %Y %H:%M:%S}"
    if style == "day":
        return f"{utc.day} {utc:%b %Y}"
    return figures.moment(utc, now())


@register.simple_tag
def badge(tone: str, word: str, icon_name: str = "") -> SafeString:
    """State, in one word: ``{% badge "ok" "Allowed" %}``; tones ok, warn, bad, seal, accent, ""."""
    name = icon_name or TONE_ICONS.get(tone, "")
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(name) if name else "", word)


@register.simple_tag
def chip(word: str, icon_name: str = "") -> SafeString:
    """A fact: outline, no icon unless it is a lock or a hold."""
    return format_html('<span class="chip">{}{}</span>', icon(icon_name) if icon_name else "", word)


@register.simple_tag
def class_mark(classification: str) -> SafeString:
    """A classification by weight: outline, outline, grey with a lock, solid ink with a lock."""
    locked = classification in {"confidential", "restricted"}
    return format_html(
        '<span class="class-mark {}">{}{}</span>',
        classification,
        icon("lock") if locked else "",
        classification.capitalize(),
    )


@register.simple_tag
def outcome(value: str) -> SafeString:
    """An audit outcome or a decision's: mark and word."""
    if value == "allow":
        return format_html('<span class="outcome">{}allowed</span>', icon("check", "small"))
    words = {"deny_forbid": "forbid", "deny_no_match": "no match", "deny_error": "policy error"}
    words["deny_invariant"] = "invariant"
    return format_html(
        '<span class="outcome bad">{}{}</span>',
        icon("stop-sign", "small"),
        words.get(value, value.replace("_", " ")),
    )


@register.simple_tag
def short_id(value: object, name: str = "id") -> SafeString:
    """An id cut in the middle, whole in the title, with a copy button."""
    text = str(value)
    shown = text if len(text) <= 18 else f"{text[:8]}…{text[-6:]}"
    return format_html(
        '<span class="id"><span title="{}">{}</span>{}</span>', text, shown, copy_button(text, name)
    )


@register.simple_tag
def copy_button(text: object, name: str = "text") -> SafeString:
    """A small button that copies ``text``; absent where there is no JavaScript."""
    return format_html(
        '<button type="button" class="btn quiet small square needs-js" data-copy="{}">'
        '<span class="todo">{}</span><span class="done">{}</span>'
        '<span class="hidden-text">Copy {}</span></button>',
        str(text),
        icon("copy"),
        icon("check"),
        name,
    )


@register.simple_tag
def sparkline(values: Sequence[float | None], tone: str = "") -> SafeString:
    """A day in 100 by 28 units, hidden from screen readers: the figure already says it."""
    known = [value if value is not None else 0.0 for value in values]
    top = max(known, default=0.0) or 1.0
    step = 100 / max(len(known) - 1, 1)
    points = [
        f"{index * step:.2f} {26.5 - value / top * 24:.2f}" for index, value in enumerate(known)
    ]
    line = "M" + "L".join(points) if len(points) > 1 else "M0 26.5L100 26.5"
    return format_html(
        '<svg class="spark {}" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="area" d="{}L100 28L0 28Z"/><path d="{}"/></svg>',
        tone,
        line,
        line,
    )


@register.simple_tag
def ticks(states: Sequence[str], label: str) -> SafeString:
    """Health bars, each ``ok``, ``warn``, ``bad`` or ``unknown``; ``label`` says it in words."""
    bars = [
        f'<rect class="{state}" x="{index * 4}" width="3" height="16" rx="1"/>'
        for index, state in enumerate(states)
    ]
    drawing = mark_safe("".join(bars))  # noqa: S308  # states are a closed set of ours
    return format_html(
        '<svg class="ticks" viewBox="0 0 {} 16" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>',
        max(len(states) * 4 - 1, 3),
        label,
        drawing,
    )


@register.simple_tag
def share_bar(share: float, tone: str = "") -> SafeString:
    """A thin bar of a true ratio between 0 and 1; the number stands beside it."""
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="4"/></svg>',
        tone,
        f"{min(max(share, 0.0), 1.0) * 100:.1f}",
    )


@register.inclusion_tag("components/_field.html")
def field(bound: BoundField, hint: str = "", kind: str = "") -> dict[str, Any]:
    """A labelled field with its hint and its faults, tied together for screen readers."""
    widget = bound.field.widget
    widget.attrs.pop("placeholder", None)  # it vanishes when one types; the label and the hint stay
    group = widget.use_fieldset
    choice = not group and getattr(widget, "input_type", "") == "checkbox"
    described = [
        name
        for name, there in (
            (f"{bound.auto_id}-hint", bool(hint or bound.help_text)),
            (f"{bound.auto_id}-fault", bool(bound.errors)),
        )
        if there
    ]
    attributes: dict[str, Any] = {} if choice or group else {"class": f"input {kind}".strip()}
    if described:
        attributes["aria-describedby"] = " ".join(described)
    if bound.errors:
        attributes["aria-invalid"] = "true"
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attributes),
        "hint": hint or bound.help_text,
        "choice": choice,
        "group": group,
    }


@register.filter
def whole(value: float | None) -> str:
    """1204 → ``1,204``."""
    return "" if value is None else figures.whole(value)


@register.filter
def count(value: float | None) -> figures.Figure | str:
    """Exact below a million, then ``2.41 M``."""
    return "" if value is None else figures.count(value)


@register.filter
def size(value: float | None) -> figures.Figure | str:
    """Bytes as ``1.1 KiB``."""
    return "" if value is None else figures.size(value)


@register.filter
def lasting(seconds: float) -> str:
    """Seconds as a span: ``2 h 10 min``, ``30 d``."""
    return figures.span(timedelta(seconds=seconds))


@register.filter
def add_number(text: str, value: object) -> str:
    """``{% badge "ok" "Version "|add_number:3 %}``: Django's ``add`` joins only like to like."""
    return f"{text}{value}"


@register.filter
def plural(value: float, words: str) -> str:
    """``{{ n|plural:"entry,entries" }}`` → ``1 entry``, ``1,204 entries``."""
    one, many = words.split(",")
    return f"{figures.whole(value)} {one if value == 1 else many}"


@register.filter
def initials(name: str) -> str:
    """``Ines Okafor`` → ``IO``."""
    parts = name.replace("@", " ").replace(".", " ").split()
    return "".join(part[0] for part in parts[:2]).upper()


@register.simple_tag
def vendor(path: str) -> str:
    """The address of a file that ``npm run build`` made, or "" where it was not run."""
    try:
        return static(f"vendor/{path}")
    except ValueError:  # the manifest has no such file
        return ""


@register.simple_tag(takes_context=True)
def place(context: Context, name: str) -> str:
    """The address of a place of the side bar, or "" while there is no such page."""
    if not name or not exists(name):
        return ""
    return to(context, name)
