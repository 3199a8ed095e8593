"""Settings of a real installation: from the environment alone, hardened, and checked (``manage.py check --deploy``)."""

from __future__ import annotations

from stateward.settings import env
from stateward.settings.installed import *  # noqa: F403  # the settings are the module's namespace
from stateward.settings.installed import DATABASES, TRUSTED_PROXIES

DEBUG = env.flag("STATEWARD_DEBUG", False)
ALLOWED_HOSTS = env.names("STATEWARD_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.names("STATEWARD_TRUSTED_ORIGINS")

# TLS ends here or at a proxy that is named. Without it cookies and keys would cross the network in the clear.
TLS = env.flag("STATEWARD_TLS", True)
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TLS
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATABASES["default"]["OPTIONS"].setdefault(
    "sslmode", env.text("STATEWARD_DATABASE_SSLMODE", "require")
)

EMAIL_HOST = env.text("STATEWARD_EMAIL_HOST", "")
EMAIL_PORT = env.number("STATEWARD_EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("STATEWARD_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = env.text("STATEWARD_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = env.flag("STATEWARD_EMAIL_TLS", True)
DEFAULT_FROM_EMAIL = env.text("STATEWARD_EMAIL_FROM", "stateward@localhost")
EMBEDDED = False
