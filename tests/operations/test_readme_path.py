"""The README's five minutes, walked on a running stack: its own commands, its own policy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.operations.running_stack import ROOT, RunningStack, eventually
from tests.patience import PATIENCE
from tests.servers import temporary_folder

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

BLOCK = re.compile(r"(?:^    .*\n(?:\n(?=    ))?)+", re.MULTILINE)
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks() -> list[str]:
    text = (ROOT / "README.md").read_text()
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in BLOCK.findall(text)]


def block_with(words: str) -> str:
    return next(block for block in blocks() if words in block)


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    stack = RunningStack(temporary_folder("stateward-readme-") / ".stateward")
    stack.start(STATEWARD_DEMO="no")
    yield stack
    stack.stop()


class Browser:
    """What a person does in the console, without JavaScript: forms."""

    def __init__(self, stack: RunningStack, pages: httpx.Client) -> None:
        self.pages = pages
        self._tenant = stack.quickstart["tenant"]
        admin = stack.quickstart["admin"]
        self.submit("/account/login/", login=admin["username"], password=admin["password"])

    def submit(self, path: str, **fields: str) -> httpx.Response:
        """Open a page and send the form on it."""
        page = self.pages.get(path)
        assert page.status_code == 200, page.text
        fields = {**dict(HIDDEN.findall(page.text)), **fields}
        answer = self.pages.post(page.url, data=fields, headers={"Referer": str(page.url)})
        assert answer.is_success, answer.text
        return answer

    def within(self, path: str) -> str:
        return f"/t/{self._tenant}/{path}"


def shell(stack: RunningStack, script: str) -> str:
    """Run the README's lines where a reader runs them: beside ``.stateward``."""
    outcome = subprocess.run(
        ["bash", "-ec", script],
        cwd=stack.home.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return outcome.stdout


def test_a_write_a_rule_a_refusal_and_the_proof_of_it(stack: RunningStack, tmp_path: Path) -> None:
    write = block_with("URL=$(python3")
    assert '"version":1' in shell(stack, write)

    with httpx.Client(base_url=stack.url, follow_redirects=True, timeout=PATIENCE) as pages:
        _rule_and_prove(stack, Browser(stack, pages), write, tmp_path)


def _rule_and_prove(stack: RunningStack, browser: Browser, write: str, tmp_path: Path) -> None:
    text = block_with("forbid (principal is Agent")
    drafted = browser.submit(
        browser.within("policies/new"), name="No second word", description="", text=text
    )
    browser.submit(f"{drafted.url.path}activate?version=1", version="1")

    keys, second = write.split("curl", maxsplit=1)[0], block_with('"second"')
    refused = json.loads(shell(stack, keys + second))
    assert refused["status"] == 403
    assert refused["decision_id"]

    def proved() -> str:
        """Sealing takes a second; then the export holds both records."""
        page = browser.within("audit/?namespace=my.notes")
        browser.pages.get(page)
        token = browser.pages.cookies["stateward_csrf"]
        bundle = browser.pages.post(
            browser.within("audit/export"),
            data={"namespace": "my.notes", "csrfmiddlewaretoken": token},
            headers={"Referer": str(browser.pages.base_url)},
        )
        path = tmp_path / "audit.bundle"
        path.write_bytes(bundle.content)
        verified = subprocess.run(
            [
                *(sys.executable, "-I", str(ROOT / "platform/stateward/gate/audit/verify.py")),
                str(path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        told = bundle.text.count("state.write") >= 2 and refused["decision_id"] in bundle.text
        return verified.stdout if verified.returncode == 0 and told else ""

    assert eventually(proved)


DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
