"""How much a tenant and its namespaces may hold: compared before each write with usage as this
process knows it (``usage.py``), never in the statement, so a quota may be overshot by what others
write within two seconds. Deletions are always allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from stateward.kernel import clock
from stateward.kernel.flow import Flow
from stateward.state.bounds import Quota
from stateward.state.configuration import NamespaceRules, TenantConfiguration
from stateward.state.exceptions import DailyQuotaExceeded, QuotaExceeded
from stateward.state.statements import Read
from stateward.state.usage import Sum, sums_of


def require_room(
    configuration: TenantConfiguration, rules: NamespaceRules, key: str, size: int
) -> Flow[None]:
    """Whether a value of ``size`` bytes may be written; else QuotaExceeded (507) or, where
    tomorrow's midnight helps, DailyQuotaExceeded (429).
    """
    quotas = configuration.quotas
    of_tenant, of_space = quotas.get(configuration.tenant_id), quotas.get(rules.id)
    if of_tenant is None and of_space is None:
        return
    sums = yield from sums_of(configuration.tenant_id)
    used = sums.get(rules.id, Sum())
    if of_space is not None and _require(of_space, used, size, "namespace"):
        yield from _require_there(configuration, rules, key, "namespace", of_space)
    if of_tenant is not None and _require(of_tenant, total(sums.values()), size, "tenant"):
        yield from _require_there(configuration, rules, key, "tenant", of_tenant)


def total(sums: Iterable[Sum]) -> Sum:
    """Of all namespaces together."""
    whole = Sum()
    for one in sums:
        whole = whole.plus(*one)
    return whole


def _require(quota: Quota, used: Sum, size: int, whose: str) -> bool:
    """Whether there is room only where an entry is already."""
    if quota.writes_per_day is not None and used.writes >= quota.writes_per_day:
        raise DailyQuotaExceeded(
            f"The {whose} may write {quota.writes_per_day:,} times a day, and has.",
            headers={"Retry-After": str(_until_midnight())},
            quota="writes_per_day", of=whose, limit=quota.writes_per_day, used=used.writes,
        )  # fmt: skip
    if quota.bytes is not None and used.bytes + size > quota.bytes:
        raise QuotaExceeded(
            f"The {whose} may store {quota.bytes:,} bytes of values and history, and {size:,} more "
            "do not fit.",
            quota="bytes", of=whose, limit=quota.bytes, used=used.bytes,
        )  # fmt: skip
    return quota.entries is not None and used.entries >= quota.entries


def _require_there(
    configuration: TenantConfiguration, rules: NamespaceRules, key: str, whose: str, quota: Quota
) -> Flow[None]:
    """An entry that is there may change as before, however many there are."""
    rows = yield Read(configuration.tenant_id, rules.id, key)
    if not rows:
        raise QuotaExceeded(
            f"The {whose} may hold {quota.entries:,} entries, and does.",
            quota="entries", of=whose, limit=quota.entries,
        )  # fmt: skip


def _until_midnight() -> int:
    moment = clock.now()
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(int((midnight - moment).total_seconds()) + 1, 1)
