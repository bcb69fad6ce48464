"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
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
    """Whether a process holds the lock."""
    if not path.is_file():
        return False
    try:
        with locked(path):
            return False
    except Busy:
        return True


def wait_for_any(paths: Iterator[Path] | list[Path], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Until at least one of the locks is free."""
    watched = list(paths)
    while watched and all(is_held(path) for path in watched):
        sleep(SECONDS_BETWEEN_LOOKS)
