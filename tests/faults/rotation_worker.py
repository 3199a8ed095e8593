"""Carries one run out, again and again, each time in a process that is killed at a statement of its
own; run by its path.

Arguments: the run's id, and at which statements the processes die. Prints a line for each that was
killed, and at last what the one that lives comes to.
"""

import os
import signal
import sys
from uuid import UUID

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "stateward.settings.test"
django.setup()

from governance.keys import reencryption  # noqa: E402  # Django comes first
from stateward.operations.jobs.carrying import carry_out  # noqa: E402
from stateward.operations.jobs.registry import jobs  # noqa: E402
from stateward.tenancy import scope  # noqa: E402

reencryption.BATCH = 4
execute = scope._fetch


def attempt(run_id: UUID, dies_at: int | None) -> None:
    count = 0

    def counted(statement):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(statement)

    scope._fetch = counted
    os._exit(0 if carry_out(run_id, jobs().__getitem__) else 7)


def in_a_process(run_id: UUID, dies_at: int | None) -> int:
    child = os.fork()
    if child == 0:
        attempt(run_id, dies_at)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


run_id = UUID(sys.argv[1])
jobs()
for point in sys.argv[2:]:
    code = in_a_process(run_id, int(point))
    print(f"{point} {code}", flush=True)
    if code == 0:  # nothing was left to die at
        break
else:
    print(f"end {in_a_process(run_id, None)}", flush=True)
