"""The console and the control plane, for any WSGI server."""

from __future__ import annotations

import os
import signal

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.embedded")
_django = get_wsgi_application()

from stateward.web.chunks import accept_chunks  # noqa: E402  # Django is set up now

application = accept_chunks(_django)

from stateward.gate.keys.checks import refuse_wrong_root_key  # noqa: E402
from stateward.operations.checks import refuse_dangerous_mixes  # noqa: E402
from stateward.operations.flushing import flush_after_requests  # noqa: E402
from stateward.operations.stack.follow import end_with_parent  # noqa: E402

refuse_dangerous_mixes()
if settings.EMBEDDED:
    # The server's master may be killed; a worker that outlived it would keep the socket.
    end_with_parent(signal.SIGKILL, os.getppid())
refuse_wrong_root_key()
flush_after_requests()
