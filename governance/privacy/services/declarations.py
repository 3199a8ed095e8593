"""Declaring where persons are named, and taking it back."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from governance.privacy.acts import permit, record
from governance.privacy.exceptions import DeclaredAlready, TooManyDeclarations
from governance.privacy.identifiers import Declaration, declaration_fault
from governance.privacy.models import SubjectDeclaration
from stateward.kernel.errors import NotFound, unfit
from stateward.operations.jobs.services import start
from stateward.state.naming import is_namespace_name
from stateward.tenancy.actors import Actor, Call
from stateward.tenancy.scope import tenant_scope

MAX_DECLARATIONS = 200


def declare_subjects(
    actor: Actor, call: Call, *, namespace: str = "", kind: str, source: str, path: str
) -> SubjectDeclaration:
    """Say where identifiers stand. What is stored already is walked in the background; requests
    wait for it.
    """
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "subject.manage")
        if namespace and not is_namespace_name(namespace):
            raise unfit("namespace", "not a namespace's name")
        if fault := declaration_fault(Declaration(kind, source, path)):
            raise unfit(*fault)
        rows = SubjectDeclaration.objects.filter(tenant_id=actor.tenant_id)
        if rows.count() >= MAX_DECLARATIONS:
            raise TooManyDeclarations
        try:
            with transaction.atomic():
                made = SubjectDeclaration.objects.create(
                    tenant_id=actor.tenant_id,
                    namespace=namespace,
                    kind=kind,
                    source=source,
                    path=path,
                    created_by=actor.name[:254],
                )
        except IntegrityError:
            raise DeclaredAlready from None
        said = {"event": "subject.declared", "namespace": namespace or None, "kind": kind}
        about = ("subject_declaration", str(made.id))
        details = said | {"source": source, "path": path}
        record(actor, call, "subject.manage", about, details, decision=decision)
        start("privacy.index", tenant_id=actor.tenant_id, actor=actor)
        return SubjectDeclaration.objects.get(id=made.id)


def withdraw_declaration(actor: Actor, call: Call, declaration_id: UUID) -> None:
    """What was found by it alone leaves the index with its next pass."""
    with tenant_scope(actor.tenant_id):
        decision = permit(actor, call, "subject.manage")
        rows = SubjectDeclaration.objects.filter(tenant_id=actor.tenant_id, id=declaration_id)
        found = rows.first()
        if found is None:
            raise NotFound
        rows.delete()
        about = ("subject_declaration", str(declaration_id))
        details = {"event": "subject.undeclared", "kind": found.kind, "path": found.path}
        record(actor, call, "subject.manage", about, details, decision=decision)
        start("privacy.index", tenant_id=actor.tenant_id, actor=actor)
