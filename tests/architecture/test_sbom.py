"""The bill of materials names every package that is locked, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSER_LOCK = ROOT / "frontend" / "package-lock.json"


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "requirements" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(sbom: ModuleType, lock: str, to: Path) -> dict[str, Any]:
    sbom.main(["--lock", lock, "--to", str(to)])
    found: dict[str, Any] = json.loads(to.read_text())
    return found


def locked(lock: str) -> set[tuple[str, str]]:
    """Name and version by the plainest reading: a line that does not begin with a space."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    lines = [line.split(";")[0].rstrip(" \\") for line in text.splitlines() if line[:1].isalnum()]
    pairs = [line.split("==") for line in lines]
    return {
        (re.sub(r"[-_.]+", "-", name.split("[")[0]).lower(), version) for name, version in pairs
    }


@pytest.mark.parametrize("lock", ["production", "server", "dev"])
def test_every_locked_package_is_named(sbom: ModuleType, lock: str, tmp_path: Path) -> None:
    found = made(sbom, lock, tmp_path / "sbom.json")["components"]

    named = {(one["name"], one["version"]) for one in found if one["purl"].startswith("pkg:pypi/")}
    assert named == locked(lock)
    assert len(named) > 50


def test_every_package_of_the_browsers_side_is_named(sbom: ModuleType, tmp_path: Path) -> None:
    found = made(sbom, "production", tmp_path / "sbom.json")["components"]
    packages = json.loads(BROWSER_LOCK.read_text())["packages"]

    places = {one["bom-ref"].partition("#")[2] for one in found if "pkg:npm/" in one["purl"]}

    assert places == {place for place in packages if place}


def test_it_is_a_cyclonedx_document_of_this_version(sbom: ModuleType, tmp_path: Path) -> None:
    found = made(sbom, "production", tmp_path / "sbom.json")

    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", found["serialNumber"])
    refs = [one["bom-ref"] for one in found["components"]]
    assert len(refs) == len(set(refs))
    assert found["dependencies"][0]["dependsOn"] == refs
    assert found["metadata"]["component"]["name"] == "stateward"
    assert "://" not in json.dumps(found["components"]), "no address of any registry"


def test_the_same_locks_give_the_same_bytes(sbom: ModuleType, tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"

    made(sbom, "production", first)
    made(sbom, "production", second)

    assert first.read_bytes() == second.read_bytes()


def test_another_version_is_another_bill(sbom: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "production.txt"
    text = (ROOT / "requirements" / "production.txt").read_text()
    lock.write_text(re.sub(r"^django==\S+", "django==9.9.9", text, flags=re.M))

    ours = sbom.bill(ROOT / "requirements" / "production.txt", BROWSER_LOCK)
    other = sbom.bill(lock, BROWSER_LOCK)

    assert ours["serialNumber"] != other["serialNumber"]
    assert "pkg:pypi/django@9.9.9" in {one["bom-ref"] for one in other["components"]}


def test_the_image_carries_its_bill() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert "requirements/sbom.py" in dockerfile
    assert "sbom.cdx.json" in dockerfile
