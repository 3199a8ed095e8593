"""What was found in state, on the pages of namespaces and entries."""

from __future__ import annotations

from typing import Any

from dashboards.classification.words import title_of
from dashboards.requests import ConsoleRequest
from governance.classification.advice import RANK
from governance.classification.models import ClassificationFinding
from stateward.kernel.flow import Flow
from stateward.state.configuration import load_configuration_for, namespace_rules
from stateward.state.detectors.kinds import KINDS
from stateward.state.judging import Judge
from stateward.state.models import Namespace
from stateward.tenancy.scope import run_flow


def may_see(request: ConsoleRequest, name: str) -> bool:
    """Whether the reader may read classification here, by the configuration the page has."""

    def flow() -> Flow[bool]:
        configuration = yield from load_configuration_for(request.actor)
        rules = yield from namespace_rules(configuration, name)
        judge = Judge(configuration, request.actor, request.call)
        return judge.decide("classification.read", rules.resource()).allowed

    return run_flow(flow())


def of_entry(request: ConsoleRequest, namespace: Namespace, key: str) -> dict[str, Any] | None:
    """The kinds found in an entry that the reader sees; None for who may not read classification
    here, or where nothing is known. In the tenant's scope.
    """
    if not may_see(request, namespace.name):
        return None
    found = ClassificationFinding.objects.filter(
        tenant_id=namespace.tenant_id, namespace_id=namespace.id, key=key
    )
    kinds = [one for one in found.order_by("kind").values_list("kind", flat=True).distinct()]
    known = [one for one in kinds if one in KINDS]
    if not known:
        return None
    asks = max((KINDS[one].asks_for for one in known), key=RANK.__getitem__)
    return {
        "kinds": [title_of(one) for one in known],
        "asks_for": asks,
        "is_low": RANK[asks] > RANK[namespace.classification],
    }
