"""Compute the lock files: exact versions with hashes, for every supported machine, and no address.

``uv`` resolves; it comes with the development packages. A lock may name no registry: which one
serves the packages is for the machine that installs them to say.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parent / "pyproject.toml"
SETS = {
    "server": [str(PROJECT), str(FOLDER / "build.in"), "--extra", "embedded"],
    "production": [str(PROJECT), "--extra", "server", "-c", str(FOLDER / "server.txt")],
    "dev": [
        *(str(PROJECT), str(FOLDER / "build.in"), "--all-extras", "--group", "dev"),
        *("-c", str(FOLDER / "server.txt")),
    ],
    "node": [str(FOLDER / "node.in")],
    "bench": [str(FOLDER / "bench.in")],
}


def main() -> None:
    for name, inputs in SETS.items():
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", *inputs),
                *("--universal", "--python-version", "3.11", "--generate-hashes"),
                *("--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"),
                *("-o", str(FOLDER / f"{name}.txt"), *sys.argv[1:]),
            ],
            check=True,
        )


if __name__ == "__main__":
    main()
