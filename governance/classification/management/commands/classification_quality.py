"""Print the detectors' precision and recall."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.classification.quality import (
    Quality,
    load_labels,
    load_recordings,
    load_sample,
    measure,
)


class Command(BaseCommand):
    help = "Precision and recall of what finds personal data and secrets, by kind."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--recordings", type=Path, help="recorded runs, one JSON object a line")
        parser.add_argument("--labels", type=Path, help="what is at which place of them")

    def handle(self, *args: Any, **options: Any) -> None:
        recordings, labels = options["recordings"], options["labels"]
        if (recordings is None) != (labels is None):
            raise CommandError("Name both the recordings and their labels, or neither.")
        try:
            if recordings is None:
                values, known = load_sample()
            else:
                values, known = load_recordings(recordings), load_labels(labels)
            quality = measure(values, known)
        except (OSError, ValueError) as error:
            raise CommandError(f"They cannot be read: {error}") from None
        except KeyError as error:
            raise CommandError(f"A label is about {error}, which is not there.") from None
        self._print(quality)

    def _print(self, quality: Quality) -> None:
        head = (
            f"{'kind':<14} {'there':>6} {'right':>6} {'wrong':>6} {'precision':>10} {'recall':>7}"
        )
        self.stdout.write(f"{quality.labels} labels, {quality.negatives} of them of nothing")
        self.stdout.write(head)
        for kind, there, right, wrong, precision, recall in quality.rows():
            figures = f"{_said(precision):>10} {_said(recall):>7}"
            self.stdout.write(f"{kind:<14} {there:>6} {right:>6} {wrong:>6} {figures}")


def _said(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"
