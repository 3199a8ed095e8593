"""What every installation shares. The other modules only name where things are, and harden."""

from __future__ import annotations

from pathlib import Path

from stateward.settings import env
from stateward.settings.accounts import *  # noqa: F403  # the settings are the module's namespace
from stateward.settings.logs import *  # noqa: F403

ROOT = Path(__file__).resolve().parents[3]
HOME = Path(env.text("STATEWARD_HOME", str(ROOT / ".stateward"))).resolve()

DEBUG = False
PRODUCTION = False
TLS = False
EMBEDDED = False
# How checkpoints name the audit logs, before the tenant's id; another name begins other logs.
AUDIT_ORIGIN = env.text("STATEWARD_AUDIT_ORIGIN", "stateward.local")
# Where backups go (a folder, or s3://bucket/prefix), how many of a tenant stay and for how long.
BACKUP_TO = env.text("STATEWARD_BACKUP_TO", str(HOME / "backups"))
# Where sinks that are files lie, a folder for each tenant.
SINK_FOLDER = env.text("STATEWARD_SINK_FOLDER", str(HOME / "sinks"))
BACKUP_KEEP = env.number("STATEWARD_BACKUP_KEEP", 14)
BACKUP_KEEP_DAYS = env.number("STATEWARD_BACKUP_KEEP_DAYS", 35)
BACKUP_S3_ENDPOINT = env.text("STATEWARD_BACKUP_S3_ENDPOINT", "")
BACKUP_S3_REGION = env.text("STATEWARD_BACKUP_S3_REGION", "us-east-1")
BACKUP_S3_KEY = env.text("STATEWARD_BACKUP_S3_KEY", "")
BACKUP_S3_SECRET = env.text("STATEWARD_BACKUP_S3_SECRET", "")
# How long a retention rule that deletes, or deletes sooner, waits before it is in force.
RETENTION_GRACE_HOURS = env.number("STATEWARD_RETENTION_GRACE_HOURS", 7 * 24)
# How long a key that is to be destroyed can still be saved, how many values a second are sealed
# anew after a key was turned over (0: as many as go), where the copy of the shred ledger lies.
KEY_DESTRUCTION_HOURS = env.number("STATEWARD_KEY_DESTRUCTION_HOURS", 7 * 24)
REENCRYPT_ROWS_PER_SECOND = env.number("STATEWARD_REENCRYPT_ROWS_PER_SECOND", 2000)
SHRED_LEDGER = env.text("STATEWARD_SHRED_LEDGER", str(HOME / "shred-ledger"))
# Former root keys, while something is wrapped under them or a backup of their time is kept.
PREVIOUS_ROOT_KEYS: list[bytes] = []
# How long a change stays in the feed for those who come back.
CHANGES_KEPT_HOURS = env.number("STATEWARD_CHANGES_KEPT_HOURS", 7 * 24)
# A standby whose newest data is older than this many seconds is not read.
STANDBY_MAX_LAG_SECONDS = env.number("STATEWARD_STANDBY_MAX_LAG_SECONDS", 30)
# How many bytes of newest revisions, sealed, a data plane keeps for reads that need not be newest.
DATA_PLANE_CACHE_BYTES = env.number("STATEWARD_DATA_PLANE_CACHE_BYTES", 32 * 1024 * 1024)
# How large the database may grow before its volume is full; 0: not known. `make up` asks its disk.
DATABASE_VOLUME_BYTES = env.number("STATEWARD_DATABASE_VOLUME_BYTES", 0)
# Among how many processes a rate limit is shared while Redis has never answered.
RATE_LIMIT_PROCESSES = env.number("STATEWARD_RATE_LIMIT_PROCESSES", 2)
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

ROOT_URLCONF = "stateward.urls"
WSGI_APPLICATION = "stateward.wsgi.application"
AUTH_USER_MODEL = "tenancy.Person"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "stateward.tenancy",
    "stateward.web.drf",
    "stateward.gate.sequence",
    "stateward.gate.audit",
    "stateward.gate.keys",
    "stateward.gate.policy",
    "stateward.gate.approvals",
    "stateward.feed",
    "stateward.state",
    "stateward.state.pending",
    "stateward.operations",
    "stateward.operations.metrics",
    "stateward.operations.backups",
    "governance.people",
    "governance.policies",
    "governance.grants",
    "governance.evidence",
    "governance.sinks",
    "governance.capacity",
    "governance.assist",
    "governance.retention",
    "governance.privacy",
    "governance.compliance",
    "governance.detection",
    "governance.quarantine",
    "governance.delivery",
    "governance.risk",
    "governance.schemas",
    "governance.keys",
    "governance.classification",
    "dashboards",
]

MIDDLEWARE = [
    "stateward.operations.logs.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "stateward.web.compression.CompressionMiddleware",
    "stateward.web.headers.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stateward.web.sessions.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "stateward.tenancy.accounts.activity.ActivityMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboards.shell.shell",
            ],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static", ROOT / "build" / "static"]
STATIC_ROOT = ROOT / "build" / "collected"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # no page names the others
# Whitenoise's own list, and source maps, which only a developer's tools ask for.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    *("jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "tgz", "bz2", "tbz", "xz", "br"),
    *("swf", "flv", "woff", "woff2", "3gp", "3gpp", "asf", "avi", "m4v", "mov", "mp4", "mpeg"),
    *("mpg", "webm", "wmv", "map"),
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
]
# Guardian stores grants. What is allowed is decided by the gate alone: guardian's backend, which
# lets superusers pass, is not among the above, and it adds nothing to people or groups.
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["stateward.web.drf.parsers.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "stateward.web.drf.authentication.BearerAuthentication",
        "stateward.web.drf.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Stateward",
    "DESCRIPTION": (
        "The state of AI agents, governed: one write path, decided, sealed, versioned and audited."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "MemberRole": "stateward.tenancy.models.MEMBER_ROLES",
        "AgentRole": "stateward.tenancy.models.AGENT_ROLES",
        "RiskClass": "stateward.tenancy.models.RISK_CLASSES",
        "AlertState": ["open", "acknowledged", "resolved"],
        "FindingStatus": ["open", "in_progress", "accepted", "resolved"],
        "JobRunState": ["queued", "running", "done", "failed", "cancelled"],
        "AssistKind": ["explain", "anomalies", "policy"],
        "DecisionOutcome": [
            *("allow", "deny_forbid", "deny_no_match", "deny_error", "deny_invariant"),
        ],
        "EntryChange": ["created", "changed", "deleted"],
        "KeyVersionState": "governance.keys.serializers.VERSION_STATES",
        "KeyState": "governance.keys.serializers.KEY_STATES",
        "KeyDestructionState": "governance.keys.models.STATES",
        "SchemaRunKind": ["check", "activate", "migrate", "undo"],
        "SchemaRunState": [
            *("queued", "running", "done", "refused", "stopped", "failed", "cancelled"),
        ],
        "RetentionKind": ["retain", "delete"],
        "PrincipalType": ["agent", "member"],
        "ActorType": ["agent", "member", "system"],
        "ApprovalVerdict": "stateward.gate.approvals.models.VERDICTS",
        "PolicyFindingCode": "governance.policies.findings.CODES",
        "PolicyLevel": "stateward.gate.policy.levels.LEVELS",
        "AlertSeverity": "governance.detection.models.SEVERITIES",
        "AgentRiskLevel": "governance.risk.serializers.RISK_LEVELS",
        "AlertRouteKind": "governance.delivery.models.KINDS",
        "WriteVerdict": "governance.quarantine.serializers.VERDICTS",
        "WriteStanding": "governance.quarantine.writes.STANDINGS",
        "PendingOperationKind": "stateward.state.pending.serializers.KINDS",
        "SinkKind": "governance.sinks.models.KINDS",
        "SinkFormat": "governance.sinks.models.FORMATS",
        "SinkState": ["active", "paused", "disabled"],
        "SubjectRequestKind": "governance.privacy.models.KINDS",
        "SubjectRequestState": "governance.privacy.models.STATES",
        "SubjectSource": "governance.privacy.models.SOURCES",
        "ClassificationEnum": "stateward.state.models.CLASSIFICATIONS",
        "ClassificationVerdict": "governance.classification.serializers.VERDICTS",
        "ClassificationCoverage": "governance.classification.models.COVERAGES",
        "ClassificationKind": "stateward.state.detectors.kinds.NAMES",
        "GrantPrincipalType": "governance.grants.words.PRINCIPAL_TYPES",
        "GrantObjectType": "governance.grants.words.OBJECT_TYPES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "stateward.state.openapi.add_data_plane",
        "stateward.state.leases_openapi.add_leases",
        "stateward.state.consistency_openapi.add_consistency",
        "stateward.state.changes.openapi.add_changes",
        "stateward.operations.jobs.openapi.add_streams",
        "stateward.web.drf.schema.add_problems",
    ],
}
# The model that helps people; ``installed`` reads where it is. Off without both.
ASSIST_URL = ASSIST_MODEL = ASSIST_API_KEY = ""
ASSIST_PRIVATE_HOSTS: list[str] = []
# Hosts inside that webhooks, sinks and alerts may be sent to; ``installed`` reads which.
WEBHOOK_PRIVATE_HOSTS: list[str] = []
ASSIST_SECONDS = 25
ASSIST_CALLS_A_MINUTE, ASSIST_TOKENS_A_DAY = 6, 200_000  # for each tenant

DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
