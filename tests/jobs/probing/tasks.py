"""A job of twenty steps, each with one effect."""

from __future__ import annotations

import os
import time

from django.db import connection

from stateward.operations.jobs.registry import job
from stateward.operations.jobs.running import Outcome, Run
from tests.jobs.probing import RESTS, STEPS


@job("probe_tick", title="Do nothing, often")
def tick(run: Run) -> Outcome:
    """For a slot each second."""
    return Outcome()


@job("probe", title="Take twenty steps")
def probe(run: Run) -> Outcome:
    """Each step is one row, with the checkpoint after it in the same transaction."""
    first = run.checkpoint["next"] if run.checkpoint else 0
    for step in range(first, STEPS):
        with run.scope(), connection.cursor() as cursor:
            run.guard()
            cursor.execute(
                "INSERT INTO probe_effect (run_id, step, pid) VALUES (%s, %s, %s)",
                (run.id, step, os.getpid()),
            )
            run.keep({"next": step + 1})
        run.progress(step + 1, STEPS, "stepping")
        time.sleep(run.params["rest"] if step == RESTS else run.params["pause"])
    return Outcome({"steps": STEPS})
