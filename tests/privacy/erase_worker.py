"""A worker that erases for one request and is killed on the way; run by its path."""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "stateward.settings.test"
django.setup()

from stateward.operations.jobs.services import run_here  # noqa: E402  # Django comes first

run_here("privacy.erase", tenant_id=sys.argv[1], params={"request": sys.argv[2]})  # type: ignore[arg-type]  # a UUID as text
