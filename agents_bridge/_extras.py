"""Adapters need their framework; whoever lacks it is told the extra to install."""

from __future__ import annotations

from importlib.util import find_spec


def need(extra: str, *packages: str) -> None:
    """ImportError that names the extra, unless every one of ``packages`` can be imported.

    >>> need("nonsense", "no_such_package")
    Traceback (most recent call last):
    ImportError: agents_bridge.nonsense needs no_such_package: pip install 'stateward[nonsense]'
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ImportError(
            f"agents_bridge.{extra} needs {' and '.join(missing)}: pip install 'stateward[{extra}]'"
        )
