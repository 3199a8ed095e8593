"""The browser's side: locked, free of registries, and built to the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
BUILT = ROOT / "build" / "static" / "vendor"


def test_every_package_is_pinned_and_hashed_without_a_registry() -> None:
    wanted = json.loads((FRONTEND / "package.json").read_text())
    lock = json.loads((FRONTEND / "package-lock.json").read_text())
    locked = [package for name, package in lock["packages"].items() if name]

    for version in (wanted["dependencies"] | wanted["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert all(package["integrity"].startswith("sha512-") for package in locked)
    assert not any("resolved" in package for package in locked)


def test_nothing_of_ours_asks_another_origin() -> None:
    for folder in ("static", "templates"):
        for file in (ROOT / folder).rglob("*.*"):
            text = file.read_text()
            found = set(re.findall(r"""["'(](?:https?:)?//[a-z0-9.-]+""", text))
            assert found <= {'"http://www.w3.org'}, file


def test_no_template_has_inline_style_or_script() -> None:
    for file in (ROOT / "templates").rglob("*.html"):
        text = file.read_text()
        assert not re.search(
            r"\sstyle=|\son(?:click|change|input|load|error|submit|key\w+)=|javascript:", text
        ), file
        for tag in re.findall(r"<script[^>]*>", text):
            assert "nonce=" in tag or 'type="application/json"' in tag, file


@pytest.mark.skipif(
    not (shutil.which("node") and (FRONTEND / "node_modules").is_dir()),
    reason="the browser's packages were installed elsewhere; the build itself made these files",
)
def test_the_build_gives_the_same_bytes_again(tmp_path: Path) -> None:
    environment = os.environ | {"STATEWARD_VENDOR": str(tmp_path / "vendor")}

    subprocess.run(["node", "build.mjs"], cwd=FRONTEND, env=environment, check=True)

    assert digests(tmp_path / "vendor") == digests(BUILT)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
