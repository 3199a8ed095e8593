"""Where logs go: to standard error, where the supervisor or the container keeps them.

``STATEWARD_LOG``: ``json`` or ``text``; without it text on a terminal. Refusals are the audit's,
and their addresses may hold keys: of requests only those are logged that ended in an error of ours.
"""

from __future__ import annotations

from stateward.settings import env

_KIND = env.text("STATEWARD_LOG", "")
_LEVEL = env.text("STATEWARD_LOG_LEVEL", "INFO").upper()
_OTHERS = {"handlers": ["stderr"], "level": "WARNING", "propagate": False}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "stateward.operations.logs.line",
            "as_text": {"json": False, "text": True}.get(_KIND),
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "stateward": {"level": _LEVEL},
        "governance": {"level": _LEVEL},
        "dashboards": {"level": _LEVEL},
        "django": _OTHERS,
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "ERROR"},
        # Servers that would set up their own.
        "uvicorn": _OTHERS,
        "uvicorn.error": {"level": "WARNING"},
        "_granian": _OTHERS,
        "celery": {"level": "INFO"},
        # Each task twice: that a run began and ended is in its row.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
