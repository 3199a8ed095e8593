"""Find a browser for the tests: CHROMIUM, the system's, Debian's package, or Playwright's own.

Prints nothing when one is there. Without any, it says so and goes on: the browser tests then fail
with the same sentence, they are not skipped.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MISSING = (
    "There is no browser for the tests: set CHROMIUM to one, or install Chromium "
    "(Debian: apt-get install chromium), or run: .venv/bin/python -m playwright install chromium"
)


def find() -> str | None:
    """The browser's path; ``None`` when there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if shutil.which(named) else None
    system = next((path for name in NAMES if (path := shutil.which(name))), None)
    return system or playwrights_own()


def playwrights_own() -> str | None:
    """What ``playwright install`` left in its cache."""
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")).expanduser()
    found = sorted(cache.glob("chromium-*/chrome-*/chrome"))
    return str(found[-1]) if found else None


def attempt(*command: str) -> bool:
    try:
        outcome = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return outcome.returncode == 0


def install() -> None:
    """Debian's package when we may, else Playwright's own build."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stdout.write("  Installing Debian's Chromium for the browser tests.\n")
        sys.stdout.flush()
        quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")
        attempt(*quiet, "update")
        if attempt(*quiet, "install", "--no-install-recommends", "chromium"):
            return
    attempt(sys.executable, "-m", "playwright", "install", "chromium")


def main() -> None:
    if find() is None and "CHROMIUM" not in os.environ:
        install()
    if find() is None:
        sys.stdout.write(f"  {MISSING}\n")


if __name__ == "__main__":
    main()
