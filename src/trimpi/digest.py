"""What a file or a model holds, as a short text: the same picture under two names is one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

REMEMBERED = 65_536
NOT_THE_MODEL = frozenset(("manifest.json", "metrics.jsonl", "rollouts.jsonl"))
"""Files beside a model's own: they may differ between models that are the same."""


def file_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. A file is read again only when it was written to."""
    status = file.stat()
    return _read(file, status.st_mtime_ns, status.st_size)


def model_content(path: Path) -> str:
    """A hash of a model folder's files, or the id of a model that is no folder."""
    if not path.is_dir():
        return f"id {path}"
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file() and not file.name.startswith(".") and file.name not in NOT_THE_MODEL:
            digest.update(f"{file.name} {file_digest(file)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=REMEMBERED)
def _read(file: Path, modified: int, size: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
