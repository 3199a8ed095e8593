"""The job that counts what is under each key version, and tends to what needs no decision."""

from __future__ import annotations

from collections import Counter

from governance.keys.stores import count_all
from governance.keys.usage import note_counts
from stateward.gate.keys.outside import export_ledger
from stateward.gate.keys.tenant_keys import finish_tenant_rotation
from stateward.gate.keys.versions import bring_back_version, namespace_versions
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.models import Namespace
from stateward.tenancy.scope import run_flow


def survey(run: Run) -> Outcome:
    """Count namespace by namespace. A version that was retired, and under which something is found
    after all, opens again and is sealed anew by the next run.
    """
    tenant_id = run.tenant_id
    if tenant_id is None:
        raise LookupError("Keys are a tenant's.")
    with run.scope():
        run.guard()
        retired = run_flow(finish_tenant_rotation(tenant_id))
        ids = list(
            Namespace.objects.filter(tenant_id=tenant_id)
            .order_by("id")
            .values_list("id", flat=True)
        )
    counts = Counter({"values": 0, "brought_back": 0, "tenant_keys_retired": retired})
    for number, namespace_id in enumerate(ids):
        with run.scope():
            run.guard()
            under = count_all(tenant_id, namespace_id)
            note_counts(tenant_id, namespace_id, under)
            counts["values"] += sum(one.rows for one in under)
            named = {(one.key_id, one.version) for one in under}
            for version in run_flow(namespace_versions(tenant_id, namespace_id)):
                if version.state == "retired" and (version.id, version.version) in named:
                    counts["brought_back"] += 1
                    run_flow(bring_back_version(tenant_id, version.id, version.version))
        run.progress(number + 1, len(ids), "namespaces")
    export_ledger(tenant_id)
    return Outcome(dict(counts), has_findings=bool(counts["brought_back"]))
