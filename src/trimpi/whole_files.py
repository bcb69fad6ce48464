"""Files that are there whole or not at all, whoever else writes or reads them, and wherever a process is killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives the place to write to, which takes the place of `path` when all is written.

    Several writers, threads of a process among them, do not meet: the last one's file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial")
    yield partial
    partial.replace(path)
