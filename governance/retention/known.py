"""A tenant's rules as this process knows them, for pages that show what applies.

Every change of a rule raises the namespaces' counter, under which they are kept here; which version
is in force is asked of the time of the page. What deletes anything reads them anew.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from governance.retention.models import RetentionVersion
from governance.retention.queries import state_of_each, versions_of_tenant
from governance.retention.terms import Rule
from stateward.state.configuration import TenantConfiguration

MOST = 1_000  # tenants
_known: dict[UUID, tuple[int, list[RetentionVersion]]] = {}


def known_rules_in_force(configuration: TenantConfiguration, now: datetime) -> list[Rule]:
    """In the tenant's scope; one statement where they are not known yet."""
    tenant_id, epochs = configuration.tenant_id, configuration.epochs
    known = _known.get(tenant_id)
    if known is not None and known[0] == epochs.namespaces:
        versions = known[1]
    else:
        versions = versions_of_tenant(tenant_id)
        if not epochs.is_own:  # else this transaction may yet be undone
            if len(_known) >= MOST:
                _known.clear()
            _known[tenant_id] = (epochs.namespaces, versions)
    found = [one.in_force() for one in state_of_each(versions, now)]
    return [rule for rule in found if rule is not None]
