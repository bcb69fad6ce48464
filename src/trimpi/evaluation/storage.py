"""JSON files that are either whole or absent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trimpi.errors import RunError
from trimpi.whole_files import written_whole


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader, or a run started again after a kill, sees all of it or none."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Add one JSON object to a file of them, behind the last whole line; a line cut off by a kill is dropped first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def to_jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises RunError naming the file."""
    return _parse(path.read_text(encoding="utf-8"), place=str(path))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read JSON objects, one a line. Raises RunError naming file and line.

    A last line without its line end is left out: it is still being written, or its writer was killed.
    """
    *lines, _unfinished = path.read_text(encoding="utf-8").split("\n")
    return [_parse(line, place=f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _parse(text: str, *, place: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise RunError(f"{place} is not JSON ({error.msg}): delete the file and let the run write it again") from None
    if not isinstance(data, dict):
        raise RunError(
            f"{place} holds {type(data).__name__}, not an object: delete the file and let the run write it again"
        )
    return data
