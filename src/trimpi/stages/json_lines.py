"""Logs as JSON lines: appended as a stage goes on, cut back to the checkpoint it resumes from. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trimpi.whole_files import written_whole


def append_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Add one line per record in one write."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Every record, in order; none when there is no file."""
    return [json.loads(line) for line in _lines(path)] if path.exists() else []


def keep_lines_until(path: Path, last_step: int) -> None:
    """Drop every line of a step after `last_step`, and a line cut short; the file is replaced whole or not at all."""
    if not path.exists():
        return
    kept = [line for line in _lines(path) if _is_until(line, last_step)]
    with written_whole(path) as partial:
        partial.write_bytes(b"".join(line + b"\n" for line in kept))


def _lines(path: Path) -> list[bytes]:
    """What line feeds part, and nothing else: inside JSON, other line ends such as U+2028 may stand as they are."""
    *lines, last = path.read_bytes().split(b"\n")
    return [*lines, last] if last else lines


def _is_until(line: bytes, last_step: int) -> bool:
    try:
        return json.loads(line)["step"] <= last_step
    except (ValueError, KeyError, TypeError):
        return False


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    with written_whole(path) as partial:
        partial.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
