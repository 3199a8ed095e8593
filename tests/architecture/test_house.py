"""The house stands as it was drawn: source roots, layers, files, forbidden calls."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("platform/stateward", "governance", "dashboards", "agents_bridge", "demo")
# Who may look at the environment: settings, and what starts other programs and passes it on.
READS_ENVIRONMENT = {
    "platform/stateward/settings/env.py",
    "platform/stateward/operations/embedded/postgres.py",
    "platform/stateward/operations/stack/assembly.py",
}
NAMES_SETTINGS = re.compile(r"os\.environ\.setdefault\(\"DJANGO_SETTINGS_MODULE\"")


def python_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls_and_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                yield node.lineno, module
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            case ast.Call(func=ast.Name(id=called)):
                yield node.lineno, f"{called}()"


def test_platform_is_a_source_root_and_no_package() -> None:
    assert [path.name for path in (ROOT / "platform").glob("*.py")] == []
    said = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.__file__, platform.system())"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert str(ROOT) not in said.split()[0]


def test_every_arrow_points_down() -> None:
    outcome = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout


def test_no_catch_all_modules() -> None:
    catch_all = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert [name_of(path) for path in python_files() if path.name in catch_all] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [name_of(path) for path in python_files() if later.search(path.read_text("utf-8"))]
    assert found == []


def test_nothing_unpickles_or_evaluates() -> None:
    forbidden = {"pickle", "marshal", "shelve", "dill", "eval()", "exec()", "compile()"}
    found = [
        f"{name_of(path)}:{line} {what}"
        for path in python_files()
        for line, what in calls_and_imports(ast.parse(path.read_text("utf-8")))
        if what in forbidden
    ]
    assert found == []


# Where text goes out unescaped, and why that is harmless.
UNESCAPED = {
    "templates/components/_figure.html": "JSON whose every < is written as \\u003c",
    "templates/account/email/password_reset_key_message.txt": "plain text",
    "templates/account/email/unknown_account_message.txt": "plain text",
}
REASON = re.compile(r"# noqa: S308\b")


def test_data_is_never_marked_safe() -> None:
    """Markup made of constants may be; its line says so where the linter asks."""
    called = {"mark_safe()", "SafeString()", "SafeText()"}
    in_code = []
    for path in python_files():
        text = path.read_text("utf-8")
        lines = text.splitlines()
        for line, what in calls_and_imports(ast.parse(text)):
            constant = path.is_relative_to(ROOT / "dashboards" / "templatetags")
            if what in called and not (constant and REASON.search(lines[line - 1])):
                in_code.append(f"{name_of(path)}:{line}")
    assert in_code == []
    unescaped = re.compile(r"\|\s*safe\b|{%\s*autoescape\s+off")
    in_templates = [
        name_of(path)
        for path in sorted((ROOT / "templates").rglob("*"))
        if path.is_file() and unescaped.search(path.read_text("utf-8"))
    ]
    assert sorted(set(in_templates) - set(UNESCAPED)) == []


def test_settings_alone_read_the_environment() -> None:
    found = []
    for path in python_files():
        text = NAMES_SETTINGS.sub("", path.read_text("utf-8"))
        if re.search(r"os\.(environ|getenv)", text) and not name_of(path).startswith(
            ("agents_bridge/", "demo/")
        ):
            found.append(name_of(path))
    assert sorted(set(found) - READS_ENVIRONMENT) == []


def commands() -> list[str]:
    return sorted(
        path.stem
        for package in PACKAGES
        for path in (ROOT / package).rglob("management/commands/*.py")
        if not path.stem.startswith("_")
    )


@pytest.mark.parametrize("command", commands())
def test_every_management_command_has_a_test(command: str) -> None:
    calls = re.compile(rf"['\"]{re.escape(command)}['\"]")
    tested = [
        path
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "architecture" not in path.parts and calls.search(path.read_text("utf-8"))
    ]
    assert tested, f"no test calls `manage.py {command}`"
