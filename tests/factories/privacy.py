"""A tenant in whose entries persons are named, and who handles what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.people.acts import system_call
from governance.privacy.models import SubjectRequest
from governance.privacy.services.declarations import declare_subjects
from governance.privacy.services.erasing import ERASE, erase_subject
from governance.privacy.services.requests import find_request, receive_request
from stateward.operations.jobs.services import run_here
from stateward.tenancy.scope import tenant_scope
from tests.factories.approvals import set_number
from tests.factories.retention import Keeper, make_keeper

MIA = ("email", "Mia.Li@Example.com")


@dataclass
class Office:
    """A keeper's tenant, its privacy officer being the owner."""

    keeper: Keeper

    def declare(self, **said: Any) -> Any:
        said = {"kind": "email", "source": "value", "path": "/email", **said}
        return declare_subjects(self.keeper.owner, system_call(), **said)

    def receive(self, kind: str = "erasure", **said: Any) -> SubjectRequest:
        said = {"reference": "case 1", "identifiers": [MIA], **said}
        return receive_request(self.keeper.owner, system_call(), kind=kind, **said)

    def index(self) -> dict[str, Any]:
        return dict(run_here("privacy.index", tenant_id=self.keeper.tenant_id).result)

    def ready(self, kind: str = "erasure", **said: Any) -> SubjectRequest:
        """A request whose search is over."""
        request = self.receive(kind, **said)
        self.index()
        return self.again(request)

    def erase(self, request: SubjectRequest) -> SubjectRequest:
        """Carried out, nobody else being asked for."""
        set_number(self.keeper.tenant_id, ERASE, 0)
        begun = erase_subject(self.keeper.owner, system_call(), request.id)
        run_here(
            "privacy.erase", tenant_id=self.keeper.tenant_id, params={"request": str(begun.id)}
        )
        return self.again(request)

    def again(self, request: SubjectRequest) -> SubjectRequest:
        with tenant_scope(self.keeper.tenant_id):
            return find_request(self.keeper.tenant_id, request.id)


def make_office(**fields: Any) -> Office:
    return Office(make_keeper(**fields))
