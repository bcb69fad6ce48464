"""Chains of thought as data: JSON lines of {"id", "cot", "answer"}. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trimpi.errors import DataError
from trimpi.types import Example
from trimpi.whole_files import written_whole

KEYS = ("id", "cot", "answer")
COT_FILE = "cot.jsonl"
"""A stage's chains of thought in its folder, once they are all sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CotRecord:
    """The reasoning of one example, without tags, and the answer it ends in."""

    id: str
    cot: str
    answer: str


@dataclass(frozen=True, slots=True)
class CotFiles:
    """Sampled chains of thought in `path`, which comes last, and what lies beside it."""

    path: Path

    @property
    def counts(self) -> Path:
        """What became of all completions."""
        return self.path.with_name(f"{self.path.stem}_counts.json")

    @property
    def answers(self) -> Path:
        """What an endpoint answered, as it came."""
        return self.path.with_name(f"{self.path.stem}_answers.jsonl")


def save_cots(records: Iterable[CotRecord], path: Path) -> None:
    """Write the file whole or not at all."""
    text = "".join(json.dumps(asdict(record), ensure_ascii=False) + "\n" for record in records)
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def load_cots(path: Path, examples: Sequence[Example]) -> list[CotRecord]:
    """Read chains of thought of `examples`. Raises DataError naming the line that is malformed or of no example."""
    if not path.is_file():
        raise DataError(
            f"no chains of thought at {path}: give a .jsonl file of {', '.join(KEYS)}, 'gold', 'forward' or 'reverse'"
        )
    known = {example.id for example in examples}
    records = []
    for number, line in enumerate(_lines(path), start=1):
        record = _read(line, f"{path}, line {number}")
        if record.id not in known:
            raise DataError(f"{path}, line {number}: there is no training example {record.id!r}")
        records.append(record)
    return records


def _lines(path: Path) -> list[bytes]:
    """What line feeds part, and nothing else: inside JSON, other line ends such as U+2028 may stand as they are."""
    *lines, last = path.read_bytes().split(b"\n")
    return [*lines, last] if last else lines


def _read(line: bytes, place: str) -> CotRecord:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place} is not JSON ({error})") from None
    if not isinstance(data, dict) or set(data) != set(KEYS) or not all(isinstance(data[key], str) for key in KEYS):
        raise DataError(f"{place}: give an object with the keys {', '.join(KEYS)}, all strings")
    return CotRecord(**data)
