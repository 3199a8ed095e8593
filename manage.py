#!/usr/bin/env python
"""Django's command line, with the platform's source root on the path."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stateward.settings.embedded")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  # needs the path

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
