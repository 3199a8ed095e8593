"""The installation says in a sentence what is missing, and skips what is up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"requirements_{name}", ROOT / "requirements" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    module = load("install")
    monkeypatch.setattr(module, "BUILD", str(tmp_path))
    return module


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("getaddrinfo: Temporary failure in name resolution", "No package registry answers."),
        ("npm error code ENOTFOUND", "No package registry answers."),
        ("THESE PACKAGES do not match the hashes", "not the one that was locked"),
        ("ERROR: No matching distribution found for x", "no build for this machine"),
        ("PermissionError: [Errno 13] Permission denied", "cannot be written"),
        ("a surprise", "packages installed failed."),
    ],
)
def test_a_failed_step_is_explained(
    install: ModuleType, capsys: pytest.CaptureFixture[str], said: str, sentence: str
) -> None:
    script = f"import sys; sys.exit(print({said!r}) or 1)"
    with pytest.raises(SystemExit):
        install.run("packages installed", [sys.executable, "-c", script])
    told = capsys.readouterr().err
    assert sentence in told
    assert said in told


def test_an_old_python_is_refused(
    install: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install.sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit):
        install.check_python()
    assert "Python 3.11 or newer; this is Python 3.9" in capsys.readouterr().err


def test_a_missing_program_is_named(
    install: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        install.run("it", ["no-such-program"])
    assert "no-such-program cannot be run" in capsys.readouterr().err


def test_what_is_up_to_date_is_skipped(install: ModuleType, tmp_path: Path) -> None:
    source, stamp = tmp_path / "source", tmp_path / "stamp"
    source.mkdir()
    (source / "a").write_text("1")
    install.keep(str(stamp), install.digest(str(source)))
    assert install.up_to_date(str(stamp), install.digest(str(source)))
    (source / "a").write_text("2")
    assert not install.up_to_date(str(stamp), install.digest(str(source)))


def test_nothing_third_party_is_imported() -> None:
    """It runs before anything is installed."""
    script = f"import runpy; runpy.run_path({str(ROOT / 'requirements/install.py')!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


def test_a_named_browser_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = load("browser")
    monkeypatch.setitem(os.environ, "CHROMIUM", "/no/such/browser")
    assert browser.find() is None
    monkeypatch.setitem(os.environ, "CHROMIUM", sys.executable)
    assert browser.find() == sys.executable


def test_without_a_browser_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = load("browser")
    monkeypatch.setitem(os.environ, "CHROMIUM", "/no/such/browser")
    browser.main()
    assert "There is no browser for the tests" in capsys.readouterr().out
