"""``python -m bench``: the product against what it is made of and what else there is, interleaved.

Each round measures every line of the table once, so what disturbs the machine disturbs all alike.
Read in this order of trust: CPU per operation, ratios within a run, absolute rates.

``python -m bench growth`` and ``python -m bench soak`` take longer and are asked for by name.
"""

from __future__ import annotations

import argparse
import sys

from bench import growth, soak
from bench.machine import facts
from bench.report import report
from bench.runs import Findings, Options, run


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["growth"]:
        growth.main(arguments[1:])
        return
    if arguments[:1] == ["soak"]:
        soak.main(arguments[1:])
        return
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default 3)")
    parser.add_argument("--connections", default="32,8,1", help="how many at once: 32,8,1")
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--only", default="", help="lines whose name contains one of these words")
    given = parser.parse_args(arguments)
    options = Options(
        given.rounds,
        given.seconds,
        tuple(int(word) for word in given.connections.split(",")),
        given.keys,
        tuple(word for word in given.only.split(",") if word),
    )
    findings = Findings(facts())
    try:
        run(options, findings)
    finally:
        sys.stdout.write(report(findings, options))


if __name__ == "__main__":
    main(sys.argv[1:])
