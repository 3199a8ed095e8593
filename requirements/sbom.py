"""What an installation is made of: a CycloneDX document of every locked package.

    python requirements/sbom.py [--lock production] [--to build/sbom.cdx.json]

Made of the lock files, so that it names what is installed and nothing else; the hashes of each
package stand in the lock. The same locks give the same bytes. Licences are added where the packages
are installed beside it. Standard library only: it runs while the image is built.
"""

import argparse
import importlib.metadata
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;[^\\]*)?", re.M)
NAMES = uuid.UUID("5c1f2a86-3f0b-5a51-9a07-6d2a5b1f6a10")  # under which serial numbers are made


def canonical(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def python_packages(lock: Path) -> list[dict[str, object]]:
    found = []
    for name, version, marker in LOCKED.findall(lock.read_text(encoding="utf-8")):
        purl = f"pkg:pypi/{canonical(name)}@{quote(version)}"
        one: dict[str, object] = {
            "type": "library",
            "bom-ref": purl,
            "name": canonical(name),
            "version": version,
            "purl": purl,
        }
        if marker.strip("; "):  # only on some machines
            one["properties"] = [{"name": "stateward:only-where", "value": marker.strip("; ")}]
        if licence := licence_of(name, version):
            one["licenses"] = [licence]
        found.append(one)
    return found


def browser_packages(lock: Path) -> list[dict[str, object]]:
    """What the pages are made of; tools that only build them are marked so."""
    found = []
    for place, one in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        if not place:
            continue
        name = one.get("name") or place.rsplit("node_modules/", 1)[-1]
        purl = f"pkg:npm/{quote(name, safe='/')}@{one['version']}"
        component: dict[str, object] = {
            "type": "library",
            "bom-ref": f"{purl}#{place}",
            "name": name,
            "version": one["version"],
            "purl": purl,
            "scope": "excluded" if one.get("dev") else "required",
        }
        if "license" in one:
            component["licenses"] = [{"license": {"name": one["license"]}}]
        found.append(component)
    return found


def licence_of(name: str, version: str) -> dict[str, object] | None:
    """As the installed package states it; None where another version, or none, is installed."""
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if about["Version"] != version:
        return None
    if expression := about.get("License-Expression"):
        return {"expression": expression}
    stated = (about.get("License") or "").strip().splitlines()
    return {"license": {"name": stated[0][:120]}} if stated else None


def bill(lock: Path, browser_lock: Path) -> dict[str, Any]:
    components = [*python_packages(lock), *browser_packages(browser_lock)]
    components.sort(key=lambda one: str(one["bom-ref"]))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = f"pkg:generic/{project['name']}@{project['version']}"
    content = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMES, own + content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            },
            "properties": [{"name": "stateward:lock", "value": f"requirements/{lock.name}"}],
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [one["bom-ref"] for one in components]}],
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lock", default="production", help="production, server or dev")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "sbom.cdx.json")
    asked = parser.parse_args(arguments)
    found = bill(FOLDER / f"{asked.lock}.txt", ROOT / "frontend" / "package-lock.json")
    asked.to.parent.mkdir(parents=True, exist_ok=True)
    asked.to.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{asked.to}: {len(found['components'])} packages\n")


if __name__ == "__main__":
    main(sys.argv[1:])
