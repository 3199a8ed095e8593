from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stateward.kernel.flow import Executable, Rows, run
from stateward.web import metrics
from stateward.web.metrics import BOUNDS, BUCKETS, Recorder, add_metrics, exposition, observe

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    fresh = Recorder()
    monkeypatch.setattr(metrics, "METRICS", fresh)
    return fresh


def samples(recorder: Recorder) -> dict[tuple[str, str], float]:
    """Prometheus' counts by (series, sample name), of the buckets the last."""
    registry = CollectorRegistry()
    registry.register(recorder)
    return {
        (sample.labels["series"], sample.name): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if sample.labels.get("le", "+Inf") == "+Inf"
    }


@pytest.mark.parametrize(
    ("method", "status", "series"),
    [
        ("GET", 200, "reads"),
        ("HEAD", 304, "reads"),
        ("PUT", 201, "writes"),
        ("PATCH", 200, "writes"),
        ("DELETE", 204, "writes"),
        ("PUT", 403, "denials"),
        ("GET", 401, "denials"),
        ("PUT", 412, "refusals"),
        ("GET", 404, "refusals"),
        ("PUT", 503, "errors"),
    ],
)
def test_a_request_is_filed_by_what_became_of_it(
    recorder: Recorder, method: str, status: int, series: str
) -> None:
    observe(ONE, method=method, status=status, seconds=0.002)

    (row,) = recorder.drain()
    assert (row.tenant_id, row.series, row.label, row.cell.count) == (ONE, series, "", 1)


def test_durations_fall_into_their_buckets(recorder: Recorder) -> None:
    durations = [0.0, BOUNDS[0], BOUNDS[0] * 1.01, BOUNDS[-1], 60.0]
    for seconds in durations:
        recorder.note(ONE, "writes", seconds)

    (row,) = recorder.drain()
    filled = {index: number for index, number in enumerate(row.cell.histogram) if number}
    assert filled == {0: 2, 1: 1, BUCKETS - 2: 1, BUCKETS - 1: 1}
    assert row.cell.seconds == pytest.approx(sum(durations))


def test_tenants_series_and_labels_are_kept_apart(recorder: Recorder) -> None:
    recorder.note(ONE, "writes", 0.1)
    recorder.note(OTHER, "writes", 0.1)
    recorder.note(ONE, "reads", 0.1)
    recorder.note(ONE, "writes", 0.1, label="transaction")
    recorder.note(ONE, "writes", 0.1)

    rows = {(row.tenant_id, row.series, row.label): row.cell.count for row in recorder.drain()}

    assert rows == {
        (ONE, "writes", ""): 2,
        (OTHER, "writes", ""): 1,
        (ONE, "reads", ""): 1,
        (ONE, "writes", "transaction"): 1,
    }


def test_what_was_drained_is_not_drained_again(recorder: Recorder) -> None:
    recorder.note(ONE, "writes", 0.1)

    assert len(recorder.drain()) == 1
    assert recorder.drain() == []


def test_requests_of_nobody_known_reach_no_tenant_but_prometheus(recorder: Recorder) -> None:
    observe(None, method="GET", status=401, seconds=0.001)

    assert recorder.drain() == []
    assert samples(recorder)["denials", "stateward_dataplane_request_seconds_count"] == 1


def test_prometheus_sees_all_tenants_together_and_names_none(recorder: Recorder) -> None:
    recorder.note(ONE, "writes", 0.25)
    recorder.drain()
    recorder.note(OTHER, "writes", 0.5)

    seen = samples(recorder)

    assert seen["writes", "stateward_dataplane_request_seconds_count"] == 2
    assert seen["writes", "stateward_dataplane_request_seconds_sum"] == 0.75
    assert seen["writes", "stateward_dataplane_request_seconds_bucket"] == 2
    registry = CollectorRegistry()
    registry.register(recorder)
    text = generate_latest(registry).decode()
    assert str(ONE) not in text
    assert 'le="+Inf"' in text


def test_the_exposition_is_prometheus_text() -> None:
    names = {family.name for family in text_string_to_metric_families(exposition().decode())}

    assert {"stateward_dataplane_request_seconds", "process_cpu_seconds", "python_info"} <= names


def test_each_tenant_is_written_in_one_statement(recorder: Recorder) -> None:
    for tenant in (ONE, OTHER, ONE):
        recorder.note(tenant, "writes", 0.1)
        recorder.note(tenant, "reads", 0.1)
    seen: list[Any] = []

    def execute(statement: Executable) -> Rows:
        seen.append(statement.parameters[0])
        return []

    run(add_metrics(recorder), execute)

    assert sorted(seen) == [ONE, OTHER]


def test_what_could_not_be_written_is_kept(recorder: Recorder) -> None:
    recorder.note(ONE, "writes", 0.1)

    def broken(statement: Executable) -> Rows:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        run(add_metrics(recorder), broken)
    recorder.note(ONE, "writes", 0.2)

    (row,) = recorder.drain()
    assert row.cell.count == 2
    assert row.cell.seconds == pytest.approx(0.3)
    assert samples(recorder)["writes", "stateward_dataplane_request_seconds_count"] == 2


def test_nothing_measured_writes_nothing(recorder: Recorder) -> None:
    def never(statement: Executable) -> Rows:
        raise AssertionError(statement)

    run(add_metrics(recorder), never)


@pytest.fixture(autouse=True)
def _without_leftovers() -> Iterator[None]:
    yield
    metrics.METRICS.drain()
