"""The command ``stateward``: the bridge from a terminal."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    """Run the command with the arguments of this process."""
    try:
        app = import_module("agents_bridge.cli._app")
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit(f"The command needs {error.name}: pip install 'stateward[cli]'")
    sys.exit(app.run(sys.argv[1:]))
