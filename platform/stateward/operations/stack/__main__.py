"""``python -m stateward.operations.stack up``: what ``make up`` runs after the installation."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from stateward.operations.embedded.ports import LOOPBACK
from stateward.operations.exceptions import CannotStart
from stateward.operations.stack.assembly import ROOT
from stateward.operations.stack.follow import end_with_parent
from stateward.operations.stack.home import Home
from stateward.operations.stack.up import up
from stateward.settings import env


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stateward.operations.stack")
    parser.add_argument("command", choices=["up"])
    parser.add_argument(
        "--follow-parent", action="store_true", help="end when the process that started this ends"
    )
    options = parser.parse_args()
    if options.follow_parent:
        end_with_parent(signal.SIGTERM, os.getppid())
    home = Home(Path(env.text("STATEWARD_HOME", str(ROOT / ".stateward"))).resolve())
    try:
        return up(
            home,
            env.text("STATEWARD_HOST", LOOPBACK),
            env.number("STATEWARD_PORT", 0),
            demo=env.flag("STATEWARD_DEMO", True),
            standby=env.flag("STATEWARD_STANDBY", False),
        )
    except CannotStart as error:
        sys.stderr.write(f"\nStateward cannot start. {error.problem}\n{error.remedy}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
