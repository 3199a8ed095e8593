"""Namespaces as they are described: C31."""

from __future__ import annotations

from governance.compliance.asking import rows
from governance.compliance.registry import Ground, check
from governance.compliance.results import Answer, Item, Tally
from stateward.state.models import CLASSIFICATIONS

NAMESPACES = """
SELECT id, name, classification FROM stateward_namespace
WHERE tenant_id = %s AND deleted_at IS NULL ORDER BY id
"""


@check(
    "C31",
    "Every namespace has a classification",
    area="State",
    severity="medium",
    proves="Each namespace carries one of the classifications that policies know.",
    does_not_prove="That the classification fits what is in it.",
)
def namespaces_classified(ground: Ground) -> Answer:
    tally = Tally("namespace,namespaces")
    for _, name, classification in rows(NAMESPACES, (ground.tenant_id,)):
        said = f"Its classification is {classification!r}, which no policy knows."
        bad = Item("namespace", name, name, said)
        tally.add(None if classification in CLASSIFICATIONS else bad)
    return tally.answer(
        "are classified", "are not classified", nothing="The tenant has no namespace."
    )
