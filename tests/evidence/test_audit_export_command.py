"""``manage.py audit export``: the file proves itself, to somebody who has only the public key."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from stateward.gate.audit import verify
from stateward.gate.audit.notes import origin_of
from stateward.gate.audit.sealing_key import public_keys
from stateward.tenancy.scope import run_flow
from tests.audit.audit_helpers import seal
from tests.factories.api import new_tenant
from tests.factories.state import audit_records, make_world

pytestmark = pytest.mark.usefixtures("database")


def test_the_exported_file_is_verified_offline(tmp_path: Path) -> None:
    world = make_world()
    world.put("k", {"n": 1})
    seal(Path(settings.HOME) / "seals")
    file, keys = tmp_path / "audit.bundle", tmp_path / "keys"
    origin = origin_of(world.tenant.id)
    keys.write_text("".join(f"{key}\n" for key in run_flow(public_keys(origin))))
    records = len(audit_records(world.tenant.id))

    out = io.StringIO()
    call_command("audit", "export", "--tenant", world.tenant.slug, "--to", str(file), stdout=out)

    said = json.loads(out.getvalue().splitlines()[-1])
    assert said["records"] == said["tree_size"] == records
    assert said["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o077 == 0
    command = [sys.executable, verify.__file__, str(file), "--key", str(keys)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    file.write_bytes(file.read_bytes().replace(b"state.write", b"state.wrote"))
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0
    assert audit_records(world.tenant.id)[-1][0] == "audit.export"


def test_what_cannot_be_exported_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "audit.bundle"

    for slug in ("nobody", new_tenant().slug):  # the second has nothing sealed yet
        with pytest.raises(CommandError) as caught:
            call_command("audit", "export", "--tenant", slug, "--to", str(file))
        assert caught.value.returncode == 1

    assert list(tmp_path.iterdir()) == []
