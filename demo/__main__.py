"""``python -m demo HOME [PAUSE]``: play once on the stack that runs from this home."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from demo.play import Cast, Play
from demo.stories import stories

STORIES = 40
PAUSE_SECONDS = 0.35  # some forty seconds in all: a visitor sees state arriving


def main(home: Path, pause: float = PAUSE_SECONDS) -> None:
    url = json.loads((home / "quickstart.json").read_bytes())["url"]
    keys = json.loads((home / "demo-agents.json").read_bytes())
    cast = Cast(owner=keys["owner"], workers=keys["workers"], onlooker=keys["onlooker"])
    counts = asyncio.run(Play(url, cast, pause).run(list(stories(STORIES))))
    (home / "demo.done").write_text(json.dumps(counts), encoding="utf-8")
    sys.stdout.write(f"{json.dumps(counts)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
