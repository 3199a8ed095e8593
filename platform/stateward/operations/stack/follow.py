"""Run a program that ends with its parent, and as another user.

``follow.py SIGNAL USER [--adopt] [--without=PATH] PROGRAM …``: with ``--adopt`` it becomes the
parent of orphans below it; ``--without`` removes a file first.

The supervisor starts everything through this file, so that nothing outlives it, not even when it
is killed. The account is changed here: the interpreter may lie where that account cannot read.
Standard library only, and no import of ours: it is started with ``-I -S`` in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NOBODY_ELSE = "-"
ADOPT = "--adopt"
WITHOUT = "--without="


def end_with_parent(number: int, parent: int) -> None:
    """Ask Linux for signal ``number`` when ``parent`` ends; other systems have no such thing."""
    _control(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)


def adopt_orphans() -> None:
    """Become the parent of those below us whose own parent is killed: nobody escapes the tree."""
    _control(PR_SET_CHILD_SUBREAPER, 1)


def _control(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def become(name: str) -> None:
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def main(signal_name: str, user: str, *command: str) -> None:
    parent = os.getppid()
    if user != NOBODY_ELSE:
        become(user)
    while command[0].startswith("--"):
        option, command = command[0], command[1:]
        if option == ADOPT:
            adopt_orphans()
        else:  # a socket that a killed server left: a new one could not be opened in its place
            with contextlib.suppress(FileNotFoundError):
                os.unlink(option.removeprefix(WITHOUT))
    # A change of account clears the request, so it comes second.
    end_with_parent(signal.Signals[f"SIG{signal_name}"], parent)
    os.execvp(command[0], command)  # noqa: S606  # the list is the supervisor's own


if __name__ == "__main__":
    main(*sys.argv[1:])
