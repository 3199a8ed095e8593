"""The parts of both clients, ``client.entries`` and so on: the same flows, bound twice."""

from __future__ import annotations

from agents_bridge import (
    _actions,
    _agents,
    _audit,
    _bounds,
    _branches,
    _checkpoints,
    _entries,
    _health,
    _leases,
    _namespaces,
    _policies,
    _proposals,
    _schemas,
    _transactions,
)
from agents_bridge._bind import AsyncGroup, Group, async_paging, awaiting, blocking, paging


class Namespaces(Group):
    """Namespaces: named sets of entries under one set of rules."""

    create = blocking(_namespaces.create)
    ensure = blocking(_namespaces.ensure)
    get = blocking(_namespaces.get)
    list = paging(_namespaces.list)
    update = blocking(_namespaces.update)
    delete = blocking(_namespaces.delete)
    quota = blocking(_bounds.quota)
    set_quota = blocking(_bounds.set_quota)
    bounds = blocking(_bounds.bounds)
    set_bounds = blocking(_bounds.set_bounds)
    analytics = blocking(_bounds.analytics)


class AsyncNamespaces(AsyncGroup):
    """Namespaces: named sets of entries under one set of rules."""

    create = awaiting(_namespaces.create)
    ensure = awaiting(_namespaces.ensure)
    get = awaiting(_namespaces.get)
    list = async_paging(_namespaces.list)
    update = awaiting(_namespaces.update)
    delete = awaiting(_namespaces.delete)
    quota = awaiting(_bounds.quota)
    set_quota = awaiting(_bounds.set_quota)
    bounds = awaiting(_bounds.bounds)
    set_bounds = awaiting(_bounds.set_bounds)
    analytics = awaiting(_bounds.analytics)


class Branches(Group):
    """Namespaces that begin as another was, and are merged back."""

    create = blocking(_branches.create)
    get = blocking(_branches.get)
    list = paging(_branches.list)
    merge = blocking(_branches.merge)


class AsyncBranches(AsyncGroup):
    """Namespaces that begin as another was, and are merged back."""

    create = awaiting(_branches.create)
    get = awaiting(_branches.get)
    list = async_paging(_branches.list)
    merge = awaiting(_branches.merge)


class Checkpoints(Group):
    """Moments of a namespace: to remember, to compare with, to go back to."""

    create = blocking(_checkpoints.create)
    get = blocking(_checkpoints.get)
    list = paging(_checkpoints.list)
    delete = blocking(_checkpoints.delete)
    diff = paging(_checkpoints.diff)
    compare = paging(_checkpoints.compare)
    restore = blocking(_checkpoints.restore)
    restore_to = blocking(_checkpoints.restore_to)


class AsyncCheckpoints(AsyncGroup):
    """Moments of a namespace: to remember, to compare with, to go back to."""

    create = awaiting(_checkpoints.create)
    get = awaiting(_checkpoints.get)
    list = async_paging(_checkpoints.list)
    delete = awaiting(_checkpoints.delete)
    diff = async_paging(_checkpoints.diff)
    compare = async_paging(_checkpoints.compare)
    restore = awaiting(_checkpoints.restore)
    restore_to = awaiting(_checkpoints.restore_to)


class Entries(Group):
    """Entries: the values, their history and their past."""

    get = blocking(_entries.get)
    get_if_changed = blocking(_entries.get_if_changed)
    get_many = blocking(_entries.get_many)
    put = blocking(_entries.put)
    merge_patch = blocking(_entries.merge_patch)
    json_patch = blocking(_entries.json_patch)
    update = blocking(_entries.update)
    delete = blocking(_entries.delete)
    list = paging(_entries.list)
    history = paging(_entries.history)
    diff = blocking(_entries.diff)
    rollback = blocking(_entries.rollback)
    act = blocking(_actions.act)
    append = blocking(_actions.append)
    increment = blocking(_actions.increment)
    add_item = blocking(_actions.add_item)
    remove_item = blocking(_actions.remove_item)
    set_member = blocking(_actions.set_member)
    unset_member = blocking(_actions.unset_member)
    insert_text = blocking(_actions.insert_text)
    delete_text = blocking(_actions.delete_text)
    apply_update = blocking(_actions.apply_update)


class AsyncEntries(AsyncGroup):
    """Entries: the values, their history and their past."""

    get = awaiting(_entries.get)
    get_if_changed = awaiting(_entries.get_if_changed)
    get_many = awaiting(_entries.get_many)
    put = awaiting(_entries.put)
    merge_patch = awaiting(_entries.merge_patch)
    json_patch = awaiting(_entries.json_patch)
    update = awaiting(_entries.update)
    delete = awaiting(_entries.delete)
    list = async_paging(_entries.list)
    history = async_paging(_entries.history)
    diff = awaiting(_entries.diff)
    rollback = awaiting(_entries.rollback)
    act = awaiting(_actions.act)
    append = awaiting(_actions.append)
    increment = awaiting(_actions.increment)
    add_item = awaiting(_actions.add_item)
    remove_item = awaiting(_actions.remove_item)
    set_member = awaiting(_actions.set_member)
    unset_member = awaiting(_actions.unset_member)
    insert_text = awaiting(_actions.insert_text)
    delete_text = awaiting(_actions.delete_text)
    apply_update = awaiting(_actions.apply_update)


class Transactions(Group):
    """Transactions: several operations, all or none."""

    commit = blocking(_transactions.commit)


class AsyncTransactions(AsyncGroup):
    """Transactions: several operations, all or none."""

    commit = awaiting(_transactions.commit)


class Policies(Group):
    """Policies: versioned Cedar text, of which at most one version is in force."""

    create = blocking(_policies.create)
    get = blocking(_policies.get)
    list = paging(_policies.list)
    versions = paging(_policies.versions)
    add_version = blocking(_policies.add_version)
    activate = blocking(_policies.activate)
    deactivate = blocking(_policies.deactivate)
    rollback = blocking(_policies.rollback)
    validate = blocking(_policies.validate)


class AsyncPolicies(AsyncGroup):
    """Policies: versioned Cedar text, of which at most one version is in force."""

    create = awaiting(_policies.create)
    get = awaiting(_policies.get)
    list = async_paging(_policies.list)
    versions = async_paging(_policies.versions)
    add_version = awaiting(_policies.add_version)
    activate = awaiting(_policies.activate)
    deactivate = awaiting(_policies.deactivate)
    rollback = awaiting(_policies.rollback)
    validate = awaiting(_policies.validate)


class Schemas(Group):
    """Versions of a namespace's schema, and bringing stored values from one to the next."""

    list = paging(_schemas.list)
    get = blocking(_schemas.get)
    create = blocking(_schemas.create)
    retire = blocking(_schemas.retire)
    compatibility = blocking(_schemas.compatibility)
    preview = blocking(_schemas.preview)
    check = blocking(_schemas.check)
    activate = blocking(_schemas.activate)
    migrate = blocking(_schemas.migrate)
    runs = paging(_schemas.runs)
    run = blocking(_schemas.run)
    wait = blocking(_schemas.wait)
    cancel = blocking(_schemas.cancel)
    undo = blocking(_schemas.undo)


class AsyncSchemas(AsyncGroup):
    """Versions of a namespace's schema, and bringing stored values from one to the next."""

    list = async_paging(_schemas.list)
    get = awaiting(_schemas.get)
    create = awaiting(_schemas.create)
    retire = awaiting(_schemas.retire)
    compatibility = awaiting(_schemas.compatibility)
    preview = awaiting(_schemas.preview)
    check = awaiting(_schemas.check)
    activate = awaiting(_schemas.activate)
    migrate = awaiting(_schemas.migrate)
    runs = async_paging(_schemas.runs)
    run = awaiting(_schemas.run)
    wait = awaiting(_schemas.wait)
    cancel = awaiting(_schemas.cancel)
    undo = awaiting(_schemas.undo)


class Decisions(Group):
    """Decisions: what would be allowed, and why."""

    explain = blocking(_policies.explain)
    evaluate = blocking(_policies.evaluate)
    evaluate_all = blocking(_policies.evaluate_all)


class AsyncDecisions(AsyncGroup):
    """Decisions: what would be allowed, and why."""

    explain = awaiting(_policies.explain)
    evaluate = awaiting(_policies.evaluate)
    evaluate_all = awaiting(_policies.evaluate_all)


class Agents(Group):
    """Agents: the programs that may call."""

    create = blocking(_agents.create)
    get = blocking(_agents.get)
    list = paging(_agents.list)
    update = blocking(_agents.update)
    pause = blocking(_agents.pause)
    resume = blocking(_agents.resume)
    retire = blocking(_agents.retire)
    issue_credential = blocking(_agents.issue_credential)
    credentials = paging(_agents.credentials)


class AsyncAgents(AsyncGroup):
    """Agents: the programs that may call."""

    create = awaiting(_agents.create)
    get = awaiting(_agents.get)
    list = async_paging(_agents.list)
    update = awaiting(_agents.update)
    pause = awaiting(_agents.pause)
    resume = awaiting(_agents.resume)
    retire = awaiting(_agents.retire)
    issue_credential = awaiting(_agents.issue_credential)
    credentials = async_paging(_agents.credentials)


class Credentials(Group):
    """Credentials: one's own, ending them, and replacing them without a gap."""

    issue = blocking(_agents.issue_own)
    list = paging(_agents.own)
    revoke = blocking(_agents.revoke)
    rotate = blocking(_agents.rotate)


class AsyncCredentials(AsyncGroup):
    """Credentials: one's own, ending them, and replacing them without a gap."""

    issue = awaiting(_agents.issue_own)
    list = async_paging(_agents.own)
    revoke = awaiting(_agents.revoke)
    rotate = awaiting(_agents.rotate)


class Audit(Group):
    """The audit: what happened, and the proof of it."""

    search = paging(_audit.search)
    record = blocking(_audit.record)
    proof = blocking(_audit.proof)
    checkpoint = blocking(_audit.checkpoint)
    consistency = blocking(_audit.consistency)
    keys = blocking(_audit.keys)
    bundle = blocking(_audit.bundle)
    verifier = blocking(_audit.verifier)


class AsyncAudit(AsyncGroup):
    """The audit: what happened, and the proof of it."""

    search = async_paging(_audit.search)
    record = awaiting(_audit.record)
    proof = awaiting(_audit.proof)
    checkpoint = awaiting(_audit.checkpoint)
    consistency = awaiting(_audit.consistency)
    keys = awaiting(_audit.keys)
    bundle = awaiting(_audit.bundle)
    verifier = awaiting(_audit.verifier)


class Health(Group):
    """How the server is."""

    alive = blocking(_health.alive)
    ready = blocking(_health.ready)
    schema = blocking(_health.schema)


class AsyncHealth(AsyncGroup):
    """How the server is."""

    alive = awaiting(_health.alive)
    ready = awaiting(_health.ready)
    schema = awaiting(_health.schema)


class Leases(Group):
    """Leases: a key to oneself for a while. ``client.lease`` is the comfortable way."""

    acquire = blocking(_leases.acquire)
    renew = blocking(_leases.renew)
    release = blocking(_leases.release)
    list = paging(_leases.list)


class AsyncLeases(AsyncGroup):
    """Leases: a key to oneself for a while. ``client.lease`` is the comfortable way."""

    acquire = awaiting(_leases.acquire)
    renew = awaiting(_leases.renew)
    release = awaiting(_leases.release)
    list = async_paging(_leases.list)


class Proposals(Group):
    """Proposals: values that several must accept before they are written."""

    propose = blocking(_proposals.propose)
    get = blocking(_proposals.get)
    list = paging(_proposals.list)
    vote = blocking(_proposals.vote)
    withdraw = blocking(_proposals.withdraw)


class AsyncProposals(AsyncGroup):
    """Proposals: values that several must accept before they are written."""

    propose = awaiting(_proposals.propose)
    get = awaiting(_proposals.get)
    list = async_paging(_proposals.list)
    vote = awaiting(_proposals.vote)
    withdraw = awaiting(_proposals.withdraw)
