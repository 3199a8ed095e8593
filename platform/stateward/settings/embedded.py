"""Settings of ``make up`` and of every ``manage.py`` command beside it.

The stack writes ``stack.json`` (mode 0600) under ``STATEWARD_HOME``: its addresses and secrets,
under the names that production takes from the environment. What the environment says goes first.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from stateward.settings import env
from stateward.settings.base import HOME

_STACK = HOME / "stack.json"
if not env.fall_back_to(_STACK):
    raise ImproperlyConfigured(
        f"No stack has been started in {HOME} yet. "
        "Start one with `make up`, or name another home in STATEWARD_HOME."
    )

from stateward.settings.installed import *  # noqa: E402, F403  # after the fallback is known
from stateward.settings.installed import INSTALLED_APPS  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "demo"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *env.names("STATEWARD_ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = env.names("STATEWARD_TRUSTED_ORIGINS")
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(HOME / "mail")
EMBEDDED = True
