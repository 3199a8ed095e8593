"""``manage.py rootkey``: the one secret that nothing can replace."""

from __future__ import annotations

import base64
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.core.management.base import CommandError

from stateward.operations.stack.home import Home, read_json


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Home:
    settings.HOME = tmp_path
    settings.ROOT_KEY_FILE = str(tmp_path / "root.key")
    Path(settings.ROOT_KEY_FILE).write_bytes(base64.b64encode(settings.ROOT_KEY))
    return Home(tmp_path)


def said(*arguments: str) -> str:
    output = StringIO()
    call_command("rootkey", *arguments, stdout=output)
    return output.getvalue().strip()


def test_a_generated_key_is_32_random_bytes(home: Home) -> None:
    first, second = said("generate"), said("generate")
    assert len(base64.b64decode(first)) == 32
    assert first != second


def test_the_key_in_use_is_named_and_not_shown(home: Home) -> None:
    shown = said("show")
    assert configured.ROOT_KEY_FILE in shown
    assert base64.b64encode(configured.ROOT_KEY).decode() not in shown


def test_a_confirmed_copy_is_noted(home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(home.root_key.read_bytes())
    assert "the same key" in said("confirm-copy", str(copy))
    assert read_json(home.copy_confirmed)["compared"]


def test_a_word_is_enough(home: Home) -> None:
    assert "not compared" in said("confirm-copy")
    assert not read_json(home.copy_confirmed)["compared"]


def test_the_key_is_no_copy_of_itself(home: Home) -> None:
    with pytest.raises(CommandError, match="not a copy"):
        said("confirm-copy", str(home.root_key))
    assert not home.copy_confirmed.exists()


@pytest.mark.parametrize("content", [base64.b64encode(bytes(32)), b"no base64!"])
def test_another_key_is_no_copy(home: Home, tmp_path: Path, content: bytes) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(content)
    with pytest.raises(CommandError, match=r"another key|cannot be read"):
        said("confirm-copy", str(copy))
    assert not home.copy_confirmed.exists()
