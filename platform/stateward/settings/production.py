"""Settings of a real installation: from the environment alone, and hardened.

``stateward.operations.checks`` refuses dangerous mixes of them at every start.
"""

from __future__ import annotations

from stateward.settings import env
from stateward.settings.installed import *  # noqa: F403  # the settings are the module's namespace

PRODUCTION = True
DEBUG = env.flag("STATEWARD_DEBUG", False)
ALLOWED_HOSTS = env.names("STATEWARD_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.names("STATEWARD_TRUSTED_ORIGINS")

# TLS ends at a proxy that is named. Without it cookies and keys cross the network in the clear.
TLS = env.flag("STATEWARD_TLS", True)
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
# The console hears from the data plane alone, over its socket, and that says which scheme was used.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

EMAIL_HOST = env.text("STATEWARD_EMAIL_HOST", "")
EMAIL_PORT = env.number("STATEWARD_EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("STATEWARD_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env.text("STATEWARD_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env.flag("STATEWARD_EMAIL_TLS", True)
DEFAULT_FROM_EMAIL = env.text("STATEWARD_EMAIL_FROM", "stateward@localhost")
