"""Looking at what is written, soon after it was: never in the way of the write itself.

A run goes through the tenant's changes from where the last one ended. What was written where a rule
follows is looked at, or a sample of it; what was found in entries that are gone is put away,
whatever the rule.
"""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from django.db.models.functions import Now

from governance.classification.looking import (
    PURPOSE,
    Looked,
    find_rows,
    forget,
    look_at,
    scanner,
)
from governance.classification.models import (
    ClassificationFinding,
    ClassificationFollowing,
    ClassificationRule,
)
from governance.classification.settling import settle, wanted_for
from stateward.feed.exceptions import CursorExpired
from stateward.feed.log import Announced, Look, newest_place, read_log
from stateward.feed.places import Place, parse_cursor
from stateward.operations.jobs.running import Outcome, Run
from stateward.state.configuration import load_configuration, namespace_rules
from stateward.state.exceptions import NoSuchNamespace
from stateward.tenancy.actors import Call
from stateward.tenancy.scope import run_flow

BATCH = 500  # changes to a transaction
MOST_BATCHES = 40  # in one run; the next one goes on
ENDS = frozenset({"delete", "expire", "purge"})


def follow(run: Run) -> Outcome:
    """Look at what the run's tenant wrote since the last time."""
    if run.tenant_id is None:
        raise LookupError("Following is about one tenant.")
    looked = gone = raised = 0
    for number in range(MOST_BATCHES):
        with run.scope():
            run.guard()
            if not _is_wanted(run.tenant_id):
                return Outcome({})
            look = _next(run.tenant_id)
            if look is None:
                break
            step = _step(run, run.tenant_id, look)
            looked, gone, raised = looked + step[0], gone + step[1], raised + step[2]
            _keep(run.tenant_id, look.end)
        run.progress(number + 1, None, "looking at what was written")
        if look.is_newest:
            break
    counts = {"looked": looked, "gone": gone, "raised": raised}
    return Outcome(counts, has_findings=bool(raised))


def _is_wanted(tenant_id: UUID) -> bool:
    """Whether a rule follows, or something is known that may be gone."""
    rules = ClassificationRule.objects.filter(tenant_id=tenant_id, follows=True)
    findings = ClassificationFinding.objects.filter(tenant_id=tenant_id)
    return rules.exists() or findings.exists()


def _next(tenant_id: UUID) -> Look | None:
    """What comes after the place kept; None the first time, or where that place is not kept: it
    begins at the present then.
    """
    kept = ClassificationFollowing.objects.filter(tenant_id=tenant_id).first()
    if kept is None:
        _keep(tenant_id, run_flow(newest_place()))
        return None
    try:
        return run_flow(read_log(tenant_id, parse_cursor(kept.cursor), limit=BATCH))
    except CursorExpired:
        _keep(tenant_id, run_flow(newest_place()))
        return None


def _keep(tenant_id: UUID, place: Place) -> None:
    ClassificationFollowing.objects.update_or_create(
        tenant_id=tenant_id, defaults={"cursor": place.cursor, "updated_at": Now()}
    )


def _step(run: Run, tenant_id: UUID, look: Look) -> tuple[int, int, int]:
    """Looked at, gone, raised or suggested."""
    written: dict[str, dict[str, Announced]] = defaultdict(dict)
    for row in look.rows:
        if row.namespace is not None:
            written[row.namespace][row.key] = row
    looked = gone = raised = 0
    for name, rows in written.items():
        ended = [key for key, row in rows.items() if row.operation in ENDS]
        if ended:
            forget(tenant_id, next(iter(rows.values())).namespace_id, ended)
            gone += len(ended)
        done = _look(run, tenant_id, name, sorted(set(rows) - set(ended)))
        looked += done.looked
        raised += bool(done.found and _settled(run, tenant_id, rows))
    return looked, gone, raised


def _look(run: Run, tenant_id: UUID, name: str, keys: list[str]) -> Looked:
    wanted = wanted_for(tenant_id, name)
    if not wanted.follows or not keys:
        return Looked()
    configuration = run_flow(load_configuration(tenant_id, max_age=0))
    try:
        rules = run_flow(namespace_rules(configuration, name))
    except NoSuchNamespace:
        return Looked()
    rows = find_rows(configuration, rules.id, keys)
    return look_at(configuration, rules, rows, call=_call(run), percent=wanted.sample_percent)


def _settled(run: Run, tenant_id: UUID, rows: dict[str, Announced]) -> str:
    namespace_id = next(iter(rows.values())).namespace_id
    return settle(scanner(tenant_id), _call(run), namespace_id)


def _call(run: Run) -> Call:
    return Call(request_id=str(run.id), purpose=PURPOSE, run=str(run.id))
