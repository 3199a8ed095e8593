"""Approvals in words, and where their subjects are."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from dashboards.requests import ConsoleRequest
from stateward.gate.approvals.models import ApprovalRequest
from stateward.gate.approvals.queries import standing

# How each standing is shown: tone and word.
STANDINGS = {
    "pending": ("warn", "Waits"),
    "approved": ("ok", "Agreed"),
    "refused": ("bad", "Refused"),
    "withdrawn": ("", "Withdrawn"),
    "used": ("ok", "Done"),
    "void": ("", "Void: it was changed"),
    "expired": ("", "Expired"),
}
# The page on which whoever asked carries out what others agreed to.
CARRIED_OUT_AT = {"hold.release": "hold_release", "policy.activate": "policy_activate"}


def row(request: ApprovalRequest) -> dict[str, Any]:
    name = standing(request)
    tone, word = STANDINGS[name]
    agreed = sum(vote.verdict == "approve" for vote in request.votes.all())
    return {"asked": request, "state": name, "tone": tone, "word": word, "agreed": agreed}


def facts(content: dict[str, Any]) -> list[tuple[str, str]]:
    """What is asked for, member by member, for people."""
    return [(name.replace("_", " ").capitalize(), _said(value)) for name, value in content.items()]


def subject_url(request: ConsoleRequest, about: ApprovalRequest) -> str:
    """Where what it is about is shown; "" where no page is about such a thing."""
    return _address(request, about.subject_type, about.subject_id)


def act_url(request: ConsoleRequest, about: ApprovalRequest) -> str:
    """Where it is carried out; "" where the last vote does that, or there is no such page."""
    content = about.content
    place = CARRIED_OUT_AT.get(about.kind)
    if about.kind == "policy.activate" and content.get("version") is None:
        place = "policy_deactivate"
    found = _address(request, place, about.subject_id) if place else ""
    said = {name: content[name] for name in ("version", "level") if content.get(name)}
    return f"{found}?{urlencode(said)}" if found and said else found


def _address(request: ConsoleRequest, name: str, subject: str) -> str:
    try:
        return reverse(f"console:{name}", args=[request.tenant.tenant_slug, subject])
    except NoReverseMatch:
        return ""


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
