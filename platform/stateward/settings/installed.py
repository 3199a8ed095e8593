"""What an installation reads from its environment: the embedded stack's and production's alike."""

from __future__ import annotations

from pathlib import Path

from stateward.settings import env, root_key
from stateward.settings.base import *  # noqa: F403  # the settings are the module's namespace

SECRET_KEY = env.text("STATEWARD_SECRET_KEY")
# After a change of the key: the former ones, until the keys hashed under them are rotated.
SECRET_KEY_FALLBACKS = env.names("STATEWARD_SECRET_KEY_FALLBACKS")
_SOURCE = root_key.source()
ROOT_KEY = root_key.fetched(_SOURCE)
ROOT_KEY_PLACE = _SOURCE.place
ROOT_KEY_FILE = env.path_of("STATEWARD_ROOT_KEY")
PREVIOUS_ROOT_KEYS = env.former_keys("STATEWARD_PREVIOUS_ROOT_KEYS")

DATABASES = {
    "default": env.database("STATEWARD_DATABASE_URL"),
    # Only migrations use the owner. A process that never migrates need not know its password.
    "owner": env.database("STATEWARD_OWNER_DATABASE_URL", env.text("STATEWARD_DATABASE_URL")),
}
# Makes a drill's scratch database; where it is not named, the owner does.
SCRATCH_DATABASE = env.database(
    "STATEWARD_SCRATCH_DATABASE_URL",
    env.text("STATEWARD_OWNER_DATABASE_URL", env.text("STATEWARD_DATABASE_URL")),
)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A pool serves the console's threads: a connection is not made anew for every page.
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": env.number("STATEWARD_DATABASE_POOL", 8),
    "timeout": 5,
    "max_lifetime": 1800,
}
DATA_PLANE_DATABASE_URL = env.text("STATEWARD_DATABASE_URL")
# A streaming standby that reads may be asked of which need not be the newest, as the same role.
DATA_PLANE_STANDBY_URL = env.text("STATEWARD_STANDBY_DATABASE_URL", "")
SEQUENCER_DATABASE_URL = env.text("STATEWARD_SEQUENCER_DATABASE_URL", "")

REDIS_URL = env.text("STATEWARD_REDIS_URL")
CELERY_BROKER_URL = REDIS_URL

# Any endpoint that speaks OpenAI's API.
ASSIST_URL = env.text("STATEWARD_ASSIST_URL", "")
ASSIST_MODEL = env.text("STATEWARD_ASSIST_MODEL", "")
ASSIST_API_KEY = env.text("STATEWARD_ASSIST_API_KEY", "")
# The hosts it may be at inside, on a loopback or private address.
ASSIST_PRIVATE_HOSTS = env.names("STATEWARD_ASSIST_PRIVATE_HOSTS")
ASSIST_SECONDS = env.number("STATEWARD_ASSIST_SECONDS", 25)
ASSIST_CALLS_A_MINUTE = env.number("STATEWARD_ASSIST_CALLS_A_MINUTE", 6)
ASSIST_TOKENS_A_DAY = env.number("STATEWARD_ASSIST_TOKENS_A_DAY", 200_000)

# The hosts inside that a tenant may have messages sent to: webhooks, sinks, alerts.
WEBHOOK_PRIVATE_HOSTS = env.names("STATEWARD_WEBHOOK_PRIVATE_HOSTS")

PUBLIC_URL = env.text("STATEWARD_PUBLIC_URL", "")
CONSOLE_SOCKET = env.text("STATEWARD_CONSOLE_SOCKET", str(HOME / "run" / "console.sock"))  # noqa: F405
# Where the sealer and the processes with followers ring at each other.
BELL_FOLDER = Path(env.text("STATEWARD_BELL_FOLDER", str(Path(CONSOLE_SOCKET).parent / "bells")))
TRUSTED_PROXIES = env.names("STATEWARD_TRUSTED_PROXIES")
# Hosts reached over a network that is ours alone, where TLS to the database may be left out.
PRIVATE_HOSTS = env.names("STATEWARD_PRIVATE_HOSTS")
SILENCED_SYSTEM_CHECKS += env.names("STATEWARD_SILENCED_CHECKS")  # noqa: F405
