"""``python -m bench``: the product against what it is made of and what else there is, interleaved.

Each round measures every line of the table once, so what disturbs the machine disturbs all alike.
Read in this order of trust: CPU per operation, ratios within a run, absolute rates.
"""

from __future__ import annotations

import argparse
import sys

from bench.report import report
from bench.runs import Options, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default 3)")
    parser.add_argument("--connections", default="32,8,1", help="how many at once: 32,8,1")
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--only", default="", help="lines whose name contains one of these words")
    given = parser.parse_args()
    options = Options(
        given.rounds,
        given.seconds,
        tuple(int(word) for word in given.connections.split(",")),
        given.keys,
        tuple(word for word in given.only.split(",") if word),
    )
    sys.stdout.write(report(run(options), options))
