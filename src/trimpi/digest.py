"""What a file holds, as a short text: the same picture under two names is one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

REMEMBERED = 65_536


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. A file is read again only when it was written to."""
    status = file.stat()
    return _read(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=REMEMBERED)
def _read(file: Path, modified: int, size: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
