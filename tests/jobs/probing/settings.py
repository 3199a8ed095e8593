"""The test run's settings with the job that can be counted, and nothing else on the timetable."""

from stateward.settings.test import *  # noqa: F403  # the settings are the module's namespace
from stateward.settings.test import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.probing"]
