"""The console and the control plane, for any WSGI server."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from stateward.operations.checks import refuse_dangerous_mixes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.embedded")
application = get_wsgi_application()
refuse_dangerous_mixes()
