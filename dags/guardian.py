"""A small process that ends Airflow's process groups when their starter is gone.

Its standard input is a pipe from the starter: one process group id a line. The pipe
closes however the starter ends, even killed outright; what still lives then is
asked to end, and made to.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 5.0


def send(groups: Iterable[int], number: int) -> None:
    """Signal the groups that still exist."""
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue


def guard() -> None:
    """Wait for the starter's end; no process of its groups is alive after it."""
    groups = [int(line) for line in sys.stdin]
    send(groups, signal.SIGTERM)
    last = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < last and any(map(lives, groups)):
        time.sleep(0.2)
    send(groups, signal.SIGKILL)


def lives(group: int) -> bool:
    """Tell whether a process group has a member."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    guard()
