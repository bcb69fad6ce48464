"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 1.0


class Busy(Exception):
    """Another process holds the lock at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`. Raises Busy at once when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(path) from None
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the lock. To find out it is taken for a moment, which another may meet as Busy."""
    if not path.is_file():
        return False
    try:
        with locked(path):
            return False
    except Busy:
        return True


def wait_for_any(paths: Sequence[Path]) -> None:
    """Until at least one of the locks is free."""
    while all(is_held(path) for path in paths):
        time.sleep(SECONDS_BETWEEN_LOOKS)
