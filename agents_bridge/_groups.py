"""The parts of both clients, ``client.entries`` and so on: the same flows, bound twice."""

from __future__ import annotations

from agents_bridge import _agents, _audit, _entries, _health, _namespaces, _policies
from agents_bridge._bind import AsyncGroup, Group, async_paging, awaiting, blocking, paging


class Namespaces(Group):
    """Namespaces: named sets of entries under one set of rules."""

    create = blocking(_namespaces.create)
    ensure = blocking(_namespaces.ensure)
    get = blocking(_namespaces.get)
    list = paging(_namespaces.list)
    update = blocking(_namespaces.update)
    delete = blocking(_namespaces.delete)


class AsyncNamespaces(AsyncGroup):
    """Namespaces: named sets of entries under one set of rules."""

    create = awaiting(_namespaces.create)
    ensure = awaiting(_namespaces.ensure)
    get = awaiting(_namespaces.get)
    list = async_paging(_namespaces.list)
    update = awaiting(_namespaces.update)
    delete = awaiting(_namespaces.delete)


class Entries(Group):
    """Entries: the values, their history and their past."""

    get = blocking(_entries.get)
    get_if_changed = blocking(_entries.get_if_changed)
    put = blocking(_entries.put)
    merge_patch = blocking(_entries.merge_patch)
    json_patch = blocking(_entries.json_patch)
    update = blocking(_entries.update)
    delete = blocking(_entries.delete)
    list = paging(_entries.list)
    history = paging(_entries.history)
    diff = blocking(_entries.diff)
    rollback = blocking(_entries.rollback)


class AsyncEntries(AsyncGroup):
    """Entries: the values, their history and their past."""

    get = awaiting(_entries.get)
    get_if_changed = awaiting(_entries.get_if_changed)
    put = awaiting(_entries.put)
    merge_patch = awaiting(_entries.merge_patch)
    json_patch = awaiting(_entries.json_patch)
    update = awaiting(_entries.update)
    delete = awaiting(_entries.delete)
    list = async_paging(_entries.list)
    history = async_paging(_entries.history)
    diff = awaiting(_entries.diff)
    rollback = awaiting(_entries.rollback)


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
