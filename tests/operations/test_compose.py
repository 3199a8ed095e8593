"""The production files hold together: they cannot be run here, so what they say is checked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
OURS = ("dataplane", "console", "worker", "beat", "sealer", "migrate")
GIVEN = {
    "STATEWARD_ALLOWED_HOSTS": "state.example.org",
    "STATEWARD_PUBLIC_URL": "https://state.example.org",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="module")
def image() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_every_part_is_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*OURS, "postgres", "redis"}


@pytest.mark.parametrize("name", OURS)
def test_our_processes_hold_no_rights(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_the_image_runs_as_nobody_in_particular(image: str) -> None:
    last = image.rsplit("FROM ", maxsplit=1)[-1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "--require-hashes" in image
    assert not re.search(r"(SECRET|PASSWORD|ROOT_KEY)\w*=", image)


def test_only_the_data_plane_is_reached_and_on_this_machine_alone(compose: dict[str, Any]) -> None:
    published = {name for name, service in compose["services"].items() if "ports" in service}
    assert published == {"dataplane"}
    assert compose["services"]["dataplane"]["ports"] == ["${STATEWARD_LISTEN:-127.0.0.1:8000}:8000"]
    assert compose["networks"]["inside"] == {"internal": True}


def test_every_secret_is_a_file_that_is_made(compose: dict[str, Any], tmp_path: Path) -> None:
    script = ROOT / "docker" / "make-secrets.sh"
    for _ in range(2):  # what is there stays
        subprocess.run(["sh", str(script), str(tmp_path / "s")], check=True, capture_output=True)
    made = {path.name for path in (tmp_path / "s").iterdir()}
    assert made == set(compose["secrets"])
    assert len(bytes.fromhex((tmp_path / "s" / "root_key").read_text())) == 32
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= made
        for name, value in service.get("environment", {}).items():
            assert name.endswith("_FILE") == str(value).startswith("/run/secrets/"), name
            if name.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_the_application_never_knows_the_owners_password(compose: dict[str, Any]) -> None:
    knows = {
        name
        for name, service in compose["services"].items()
        if "owner_database_url" in service.get("secrets", [])
    }
    assert knows == {"migrate"}


@pytest.mark.parametrize("name", OURS[1:])
def test_what_is_started_exists(compose: dict[str, Any], name: str) -> None:
    command = compose["services"][name]["command"]
    modules = re.findall(r"python -m (\S+)", command)
    commands = re.findall(r"manage\.py (\w+)", command)
    assert modules or commands
    assert [module for module in modules if find_spec(module) is None] == []
    assert [word for word in commands if word not in get_commands()] == []


def test_the_image_takes_all_that_it_copies(image: str) -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    for line in re.findall(r"^COPY (?!--from)(.+)$", image, re.MULTILINE):
        for source in line.split()[:-1]:
            name = source.rstrip("/")
            assert (ROOT / name).exists(), name
            assert any(name == one or name.startswith(f"{one}/") for one in taken), name


def test_the_client_agrees(tmp_path: Path) -> None:
    """Where Docker's compose client is installed, it reads the file too."""
    docker = shutil.which("docker")
    client = [docker, "compose"] if docker else []
    has_client = (
        client
        and not subprocess.run([*client, "version"], capture_output=True, check=False).returncode
    )
    if not has_client:
        return
    environment = os.environ | GIVEN
    subprocess.run(
        [*client, "config", "--quiet"], cwd=ROOT, env=environment, check=True, capture_output=True
    )
