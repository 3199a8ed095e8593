"""Where a data plane's reads were answered, as Prometheus reads it; no series names a tenant."""

from __future__ import annotations

from collections.abc import Iterator

from stateward.state.travel import Travel


def reading_gauges(travel: Travel) -> str:
    """What the process remembers, who served the reads that need not be newest, and the standby."""
    return "".join(_lines(travel))


def _lines(travel: Travel) -> Iterator[str]:
    hot = travel.hot
    yield _family("hot_entries_bytes", "gauge", "Of newest revisions kept in memory, sealed.")
    yield f"stateward_hot_entries_bytes {hot.bytes}\n"
    yield _family("hot_entries", "gauge", "Newest revisions kept in memory.")
    yield f"stateward_hot_entries {len(hot)}\n"
    yield _family("hot_lookups_total", "counter", "Looks into that memory.")
    yield f'stateward_hot_lookups_total{{found="yes"}} {hot.hits}\n'
    yield f'stateward_hot_lookups_total{{found="no"}} {hot.misses}\n'
    yield _family("replica_reads_total", "counter", "Session and eventual reads, by who answered.")
    for place, number in travel.read_at.items():
        yield f'stateward_replica_reads_total{{place="{place}"}} {number}\n'
    if travel.standby is None:
        return
    standing = travel.standby.standing
    yield _family("standby_up", "gauge", "Whether the standby answers as one.")
    is_up = standing.lag is not None and standing.is_standby
    yield f"stateward_standby_up {int(is_up)}\n"
    if standing.lag is not None:
        yield _family("standby_lag_seconds", "gauge", "Age of the newest heartbeat it has.")
        yield f"stateward_standby_lag_seconds {standing.lag:.3f}\n"


def _family(name: str, kind: str, says: str) -> str:
    return f"# HELP stateward_{name} {says}\n# TYPE stateward_{name} {kind}\n"
