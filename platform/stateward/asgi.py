"""The data plane's process: entries and health answered here, all else by the console."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.embedded")
django.setup()

from stateward.gate.keys.checks import refuse_wrong_root_key  # noqa: E402
from stateward.operations.checks import refuse_dangerous_mixes  # noqa: E402  # needs Django set up
from stateward.operations.plane import Plane  # noqa: E402

refuse_dangerous_mixes()
refuse_wrong_root_key()
application = Plane()
