"""Settings of the test run. The servers are real; ``tests/servers.py`` starts and names them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stateward.settings import env
from stateward.settings.base import *  # noqa: F403  # the settings are the module's namespace
from stateward.settings.base import HOME, STORAGES

SECRET_KEY = "the test run's own key, worth nothing anywhere else"  # noqa: S105
ALLOWED_HOSTS = ["*"]
_DEFAULT = "postgresql://stateward_app:app@127.0.0.1:1/stateward"
DATABASES = {
    "default": env.database("STATEWARD_DATABASE_URL", _DEFAULT),
    "owner": env.database("STATEWARD_OWNER_DATABASE_URL", _DEFAULT),
}
SCRATCH_DATABASE = DATABASES["owner"]
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # nothing is collected before a test run
ROOT_KEY = bytes(range(32))
REDIS_URL = env.text("STATEWARD_REDIS_URL", "redis://127.0.0.1:1/0")
CELERY_BROKER_URL = REDIS_URL
SEQUENCER_DATABASE_URL = env.text("STATEWARD_SEQUENCER_DATABASE_URL", _DEFAULT)
DATA_PLANE_DATABASE_URL = env.text("STATEWARD_DATABASE_URL", _DEFAULT)
DATA_PLANE_STANDBY_URL = env.text("STATEWARD_STANDBY_DATABASE_URL", "")
PUBLIC_URL = "http://testserver"
CONSOLE_SOCKET = env.text("STATEWARD_CONSOLE_SOCKET", str(HOME / "run" / "console.sock"))
# Where the sealer and the processes with followers ring at each other.
BELL_FOLDER = Path(env.text("STATEWARD_BELL_FOLDER", str(Path(CONSOLE_SOCKET).parent / "bells")))
TRUSTED_PROXIES: list[str] = []
PRIVATE_HOSTS: list[str] = []
ROOT_KEY_FILE = ""
SHRED_LEDGER = str(Path(tempfile.gettempdir()) / "stateward-tests" / "shred-ledger")
ROOT_KEY_PLACE = "the settings of the tests"
