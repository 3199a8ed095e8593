"""How good the detectors are, on labelled values; and the command that says so."""

from __future__ import annotations

import json
import warnings
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.classification.quality import (
    Label,
    Quality,
    load_labels,
    load_recordings,
    load_sample,
    measure,
    placed,
)
from tests.e2e.airline_runs import RECORDED

LABELS = Path(__file__).with_name("labels.json")


def measured() -> Quality:
    if not RECORDED.is_file():
        warnings.warn(f"{RECORDED} is absent: replaying our own sample instead", stacklevel=1)
        return measure(*load_sample())
    return measure(load_recordings(RECORDED), load_labels(LABELS))


def test_precision_and_recall_on_labelled_values_hold() -> None:
    quality = measured()

    assert (quality.precision() or 0) >= 0.97
    assert (quality.recall() or 0) >= 0.92
    assert quality.labels >= 50


def test_our_own_sample_is_found_and_nothing_else() -> None:
    quality = measure(*load_sample())

    assert (quality.precision(), quality.recall()) == (1.0, 1.0)
    assert quality.negatives >= 20


def test_labels_hold_places_and_no_text() -> None:
    labels = json.loads(LABELS.read_text("utf-8"))

    assert len(labels) >= 300
    assert {name for one in labels for name in one} == {
        "run", "message", "pointer", "within", "kinds",
    }  # fmt: skip
    assert "card_" not in LABELS.read_text("utf-8").replace("credit_card_number", "")


def test_a_broken_detector_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = load_sample()
    before = measure(values, labels).recall() or 0
    monkeypatch.setattr("stateward.state.detectors.looking.hint_of", lambda *_: None)

    assert (measure(values, labels).recall() or 0) < before


def test_a_label_counts_members_it_does_not_name() -> None:
    value = {"text": json.dumps({"a/b": {"x": 1}})}

    assert placed(value, "/text", "/{0}/x") == ("/text", "/a~1b/x")
    assert placed({"l": [{"q": 1}]}, "/l/0/{0}", "") == ("/l/0/q", "")


def test_shares_are_of_what_there_is() -> None:
    value = {"v": {"email": "a@example.org", "n": 1}}
    labels = [
        Label("v", "/email", "", frozenset()),
        Label("v", "/n", "", frozenset({"phone"})),
    ]
    quality = measure(value, labels)

    assert quality.rows() == [
        ("email", 0, 0, 1, 0.0, None),
        ("phone", 1, 0, 0, None, 0.0),
        ("all", 1, 0, 1, 0.0, 0.0),
    ]


def run(**options: Any) -> str:
    out = StringIO()
    call_command("classification_quality", stdout=out, **options)
    return out.getvalue()


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    recordings, labels = tmp_path / "r.jsonl", tmp_path / "l.json"
    message = {"role": "user", "content": "It is mia@example.org."}
    recordings.write_text(json.dumps({"task_id": 1, "trial": 0, "messages": [message]}))
    label = {"run": "task-1-trial-0", "message": 0, "pointer": "/content", "kinds": ["email"]}
    labels.write_text(json.dumps([label]))

    assert "1 labels" in run(recordings=recordings, labels=labels)
    assert "person_name" in run()
    with pytest.raises(CommandError, match="both"):
        run(recordings=recordings)
    labels.write_text(json.dumps([label | {"message": 7}]))
    with pytest.raises(CommandError, match="not there"):
        run(recordings=recordings, labels=labels)
    with pytest.raises(CommandError, match="cannot be read"):
        run(recordings=tmp_path / "none", labels=labels)
