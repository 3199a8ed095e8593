"""An environment of their own for what `make bench` measures beside us: build/peers.

What a peer brings along must not change what we run with, so nothing of it goes into .venv. Where
no registry answers, the benchmark goes on and says which peers are absent.
"""

import os
import shutil
import subprocess
import sys

import install

PEERS = os.path.join(install.BUILD, "peers")
LOCK = os.path.join(install.ROOT, "requirements", "bench.txt")


def main():
    os.makedirs(install.BUILD, exist_ok=True)
    stamp = os.path.join(PEERS, "stateward-bench")
    mark = install.digest(LOCK)
    if install.up_to_date(stamp, mark):
        return
    shutil.rmtree(PEERS, ignore_errors=True)
    python = os.path.join(PEERS, "bin", "python")
    log = os.path.join(install.BUILD, "peers.log")
    steps = (
        [sys.executable, "-m", "venv", PEERS],
        [
            *(python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"),
            *("--require-hashes", "--no-deps", "-r", LOCK),
        ],
    )
    with open(log, "wb") as output:
        for step in steps:
            if subprocess.call(step, stdout=output, stderr=subprocess.STDOUT):
                install.say("  peers could not be installed, and are reported absent: " + log)
                shutil.rmtree(PEERS, ignore_errors=True)
                return
    install.keep(stamp, mark)
    install.say("  peers installed in build/peers")


if __name__ == "__main__":
    main()
