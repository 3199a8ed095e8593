"""The benchmark runs, and says of each budget what it came to. Of speed no test says anything."""

from __future__ import annotations

from bench import peers
from bench.machine import Sample, median
from bench.report import report
from bench.runs import Findings, Options, run

NUMBERS = {
    "cached": 6e5, "uncached_10": 3e4, "uncached_10000": 2e4, "sealed": 9e3, "half_load": 1e3,
    "lag_p50": 0.5, "lag_p99": 2.5, "verified": 3e4, "replay": 3e4,
    "feed_p50": 0.003, "feed_p99": 0.02, "crowd_p50": 0.03, "feed_missed": 0, "feed_loss": 0.02,
}  # fmt: skip


def test_everything_is_measured_once_and_reported() -> None:
    options = Options(
        rounds=1, seconds=1, connections=(2,), keys=40, with_numbers=False, with_peers=False
    )

    findings = Findings([])
    run(options, findings)

    ours = {"governed write 2", "governed read 2", "governed read, 304 2"}
    ours |= {"governed read, confidential 2"}
    floors = {
        f"{name} {kind} 2" for name in ("bare ASGI", "DRF + ORM") for kind in ("write", "read")
    }
    assert ours | floors | {"limit write 2", "limit read 2"} <= findings.samples.keys()
    for samples in findings.samples.values():
        assert len(samples) == 1
        assert samples[0].rate > 0
        assert 0 < samples[0].p50 <= samples[0].p99
    text = report(findings, options)
    assert all(f"| {name} |" in text for name in findings.samples)


def test_a_budget_is_met_or_missed_and_what_is_not_there_is_absent() -> None:
    limit, ours = Sample(9000, 3, 9, 0, 0.2), Sample(4500, 6, 20, 0.2, 0.1)
    samples = {"limit write 32": [limit], "governed write 32": [ours]}
    absent = {"FastAPI": "not installed", peers.ETCD: "h2load not installed"}
    findings = Findings(["a machine"], samples, NUMBERS, absent)

    lines = report(findings, Options(rounds=1)).splitlines()

    assert "| write at 32: rate ≥ 0.9 L | 0.50 | **missed** |" in lines
    assert "| write at 32: CPU ≤ 1.0 L | 1.50 | **missed** |" in lines
    assert "| cached decision ≥ 500,000/s | 600,000 | met |" in lines
    assert "| sealing lag p99 ≤ 2 s at half load | 2.50 s | **missed** |" in lines
    assert "FastAPI: absent, not installed" in lines
    assert "| write ≥ 1.0× etcd over gRPC | - | absent: h2load not installed |" in lines
    assert "| write ≥ 4× LangGraph's Postgres saver | - | absent: not asked for |" in lines
    assert not any("DRF" in line and "met" in line for line in lines)


def test_a_budget_that_was_not_measured_is_not_mentioned_as_met() -> None:
    some = {"cached": 1.0, "feed_p50": 0.001}
    text = report(Findings(["a machine"]), Options(rounds=1))
    cut = report(Findings(["a machine"], numbers=some), Options(rounds=1))

    assert "| met |" not in text
    assert "missed" not in text
    assert "| cached decision ≥ 500,000/s | 1 | **missed** |" in cut
    assert "follower: p50 ≤ 5 ms | 1.0 ms | met |" in cut
    assert "verifier" not in cut


def test_the_median_is_taken_member_by_member() -> None:
    samples = [Sample(1, 5, 9, 1, 0), Sample(2, 4, 8, 3, 0), Sample(3, 3, 7, 2, 0)]

    assert median(samples) == Sample(2, 4, 8, 2, 0)
