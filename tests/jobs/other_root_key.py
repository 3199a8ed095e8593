"""The test run's settings with another root key, as after a mistake."""

from stateward.settings.test import *  # noqa: F403  # the settings are the module's namespace

ROOT_KEY = b"another root key of 32 bytes ..."
