"""The panel beside a rule's form: what the rule would do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from dashboards.requests import ConsoleRequest
from dashboards.retention.forms import TermsForm
from dashboards.retention.words import becomes, retained_until, says
from governance.retention.preview import Draft, Preview, preview

MOST = 200_000  # keys that a page looks at; the command and the REST API look at more
NAMES = 12


def look(request: ConsoleRequest, form: TermsForm, replaces: UUID | None) -> dict[str, Any]:
    """The preview of the form's rule, as the panel shows it."""
    terms = form.terms()
    draft = Draft(terms, form.cleaned_data.get("name") or "this rule", replaces)
    found = preview(request.actor, request.call, draft=draft, most=MOST)
    return {"preview": found, "says": says(terms), "terms": terms, **_shown(found)}


def _shown(found: Preview) -> dict[str, Any]:
    survey, own = found.survey, found.of_draft
    return {
        "own": own,
        "others": survey.total.due.entries - own.due.entries,
        "namespaces": sorted(
            (
                {"name": survey.namespaces[namespace_id].name, "share": share}
                for namespace_id, share in survey.by_namespace.items()
            ),
            key=lambda one: -one["share"].due.entries,  # type: ignore[attr-defined]  # a Share
        )[:NAMES],
        "samples": [
            {
                "namespace": survey.namespaces[one.kept.namespace_id].name,
                "key": one.kept.key,
                "size": one.kept.size_bytes,
                "is_alive": one.kept.is_alive,
                "state": one.verdict.state,
                "delete_at": one.verdict.delete_at,
                "says": becomes(one.verdict),
                "until": retained_until(one.verdict),
            }
            for one in found.samples
        ],
    }
