"""Whatever else was measured: JSON files of a run that no other part of the page is about, as keys and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimpi.reporting.run_directory import RunRecord
from trimpi.reporting.wording import flatten, words
from trimpi.run.directory import BREAK_EVEN_FILE

MOST_ROWS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementTable:
    """One file as (key, value) rows; `left_out` rows are beyond MOST_ROWS, `file` is relative to the run."""

    title: str
    file: str
    rows: Sequence[tuple[str, str]]
    left_out: int


def measurement_tables(run: RunRecord) -> list[MeasurementTable]:
    """The latest file of every name: the run's own, then the models'."""
    latest: dict[str, tuple[str, str, Mapping[str, Any]]] = {}
    for found in run.evaluations:
        for name, data in found.measurements.items():
            file = f"eval/{found.folder.name}/{name}"
            latest[name] = (f"{_title(name)}, {run.model_name(found)}", file, data)
    for name, data in run.measurements.items():
        latest[name] = (_title(name), name, data)
    return [_table(*measured) for name, measured in sorted(latest.items()) if name != BREAK_EVEN_FILE]


def _title(name: str) -> str:
    return words(Path(name).stem).capitalize()


def _table(title: str, file: str, data: Mapping[str, Any]) -> MeasurementTable:
    rows = flatten(data)
    return MeasurementTable(title=title, file=file, rows=rows[:MOST_ROWS], left_out=max(0, len(rows) - MOST_ROWS))
