"""A tenant in whose entries persons are named; rules act at once, unless a test is about that."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured

from governance.privacy.certificate import read_certificate
from governance.privacy.models import SubjectRequest
from stateward.tenancy.scope import tenant_scope
from tests.audit.audit_helpers import seal
from tests.factories.privacy import Office, make_office


@pytest.fixture
def office(database: None, settings: Any) -> Office:
    settings.RETENTION_GRACE_HOURS = 0
    return make_office()


@pytest.fixture
def superuser() -> str:
    return os.environ["STATEWARD_SUPERUSER_DATABASE_URL"]


@pytest.fixture
def sealed(database: None) -> Callable[[SubjectRequest], dict[str, Any]]:
    """What a request's certificate says, once its signature holds."""
    seal(Path(configured.HOME) / "seals")

    def read(request: SubjectRequest) -> dict[str, Any]:
        with tenant_scope(request.tenant_id):
            return read_certificate(request)

    return read
