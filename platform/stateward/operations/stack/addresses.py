"""Where everything listens: the usual ports where they are free, else others, kept thereafter."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from stateward.operations.embedded.ports import LOOPBACK, choose, is_free
from stateward.operations.exceptions import CannotStart
from stateward.operations.stack.home import Home, read_json, write_json

WEB, POSTGRES, REDIS, STANDBY = 8000, 5432, 6379, 5433


@dataclass(frozen=True)
class Addresses:
    """One host for the web; the servers listen on the loopback address alone."""

    host: str
    web: int
    postgres: int
    redis: int
    standby: int = 0  # none is wanted

    @property
    def url(self) -> str:
        host = LOOPBACK if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  # compared
        return f"http://[{host}]:{self.web}" if ":" in host else f"http://{host}:{self.web}"


def choose_addresses(
    home: Home, host: str = LOOPBACK, wish: int = 0, *, standby: bool = False
) -> Addresses:
    """Last time's ports while they are free. ``wish`` is a web port that somebody asked for;
    ``standby``: one for a second PostgreSQL too.

    Raises ``CannotStart`` when the wish is taken: a chosen address must not change silently.
    """
    if wish and not is_free(wish, host):
        raise CannotStart(
            f"Port {wish} is taken by another program.",
            "Name another one in STATEWARD_PORT, or leave it out to have a free one found.",
        )
    last = read_json(home.path / "ports.json")
    postgres = choose(last.get("postgres", 0), POSTGRES)
    addresses = Addresses(
        host=host,
        web=wish or choose(last.get("web", 0), WEB, host=host),
        postgres=postgres,
        redis=choose(last.get("redis", 0), REDIS),
        standby=choose(last.get("standby", 0), max(STANDBY, postgres + 1)) if standby else 0,
    )
    write_json(home.path / "ports.json", asdict(addresses))
    return addresses
