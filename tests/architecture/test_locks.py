"""What is installed is what was locked, wherever it comes from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADDRESS = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", re.IGNORECASE)


def pinned(lock: Path) -> dict[str, set[str]]:
    """Versions by package; more than one where a version depends on the machine."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE):
        versions.setdefault(name, set()).add(version)
    return versions


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_registry(lock: Path) -> None:
    assert ADDRESS.search(lock.read_text()) is None


def test_the_browsers_lock_names_no_registry_and_has_every_hash() -> None:
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_bytes())["packages"]
    third_party = {name: facts for name, facts in packages.items() if name}
    assert [name for name, facts in third_party.items() if "resolved" in facts] == []
    assert [name for name, facts in third_party.items() if "integrity" not in facts] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_a_version_and_a_hash(lock: Path) -> None:
    blocks = re.split(r"\n(?=[a-z])", lock.read_text().strip(), flags=re.IGNORECASE)
    assert [block.split()[0] for block in blocks if "==" not in block.split()[0]] == []
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_tests_run_on_what_is_delivered() -> None:
    tested = pinned(ROOT / "requirements" / "dev.txt")
    for lock in ("server", "production"):
        delivered = pinned(ROOT / "requirements" / f"{lock}.txt")
        assert {name: tested.get(name) for name in delivered} == delivered


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["cli"], *extras["server"], *extras["embedded"]]
    names = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in asked} - {"stateward"}
    locked = {re.sub(r"[._]", "-", name) for name in pinned(ROOT / "requirements" / "server.txt")}
    assert {re.sub(r"[._]", "-", name) for name in names} - locked == set()
