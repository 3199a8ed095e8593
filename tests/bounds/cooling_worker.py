"""Compresses one namespace's history and stands still between replacing and committing; run by its
path, to be killed there.
"""

import os
import sys
import time
from uuid import UUID

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "stateward.settings.test"
django.setup()

from stateward.kernel.flow import run  # noqa: E402  # Django comes first
from stateward.state.services.cooling import RESEAL, cool  # noqa: E402
from stateward.tenancy.scope import execute, tenant_scope  # noqa: E402


def stand_still(statement):  # type: ignore[no-untyped-def]
    rows = execute(statement)
    if statement.sql == RESEAL:
        print(f"replaced {len(rows)}", flush=True)
        time.sleep(60)
    return rows


tenant, namespace = UUID(sys.argv[1]), UUID(sys.argv[2])
with tenant_scope(tenant):
    run(cool(tenant, namespace, 100), stand_still)
