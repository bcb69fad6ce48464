"""The logs of all stages in one file each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from trimpi.run.directory import RunDirectory
from trimpi.whole_files import written_whole


def merge_logs(run: RunDirectory, stages: Sequence[str]) -> None:
    """Write the run's `metrics.jsonl` and `rollouts.jsonl`: the lines of the stages in order, each with its stage."""
    for target in (run.metrics, run.rollouts):
        sources = [(name, run.stage(name) / target.name) for name in stages]
        present = [(name, path) for name, path in sources if path.is_file()]
        if present:
            _replace(target, (line for name, path in present for line in _labelled(name, path)))


def _labelled(stage: str, path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.dumps({"stage": stage, **json.loads(line)}, ensure_ascii=False) + "\n"


def _replace(target: Path, lines: Iterator[str]) -> None:
    """Line by line: rollouts may be far larger than memory should hold."""
    with written_whole(target) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(lines)
