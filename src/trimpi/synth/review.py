"""The review file: one JSON line for everything that was synthesised, for a person to read and decide."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from trimpi.errors import DataError
from trimpi.recipe.messages import explain
from trimpi.recipe.strict import StrictModel
from trimpi.tasks.custom.row_reader import read_lines
from trimpi.tasks.custom.row_writer import write_rows

FOLDER = "synth"
Status = Literal["pending", "accepted", "rejected", "used", "disagreed", "duplicate", "unusable"]
"""pending: the answers agreed, and a person has yet to look. accepted, rejected: a person has. used: it is in the
training rows. disagreed: the answers did not agree. duplicate: a request like it is there. unusable: no request.
"""
SETTLED: tuple[Status, ...] = ("pending", "accepted")
"""These count for their section until they are used."""


class ReviewRecord(StrictModel):
    """A line. `section` and `batch` say which call it came from; `row` is the training row it would become, `votes` how
    often which answer was given, `wrote` what was written where it is no row.
    """

    status: Status
    why: str
    policy: str
    section: str
    batch: int = Field(ge=1)
    row: dict[str, Any] | None = None
    votes: dict[str, int] = Field(default_factory=dict)
    wrote: str | None = None


class ReviewFile:
    """The review file of a task's folder; read whole, written whole. `answers` is what an endpoint was paid for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FOLDER / "review.jsonl"
        self.answers = folder / FOLDER / "answers.jsonl"

    def placed(self) -> list[tuple[str, ReviewRecord]]:
        """Every record with its file:line, in order; none where there is no file. Raises DataError for a wrong line."""
        lines = read_lines(self.path) if self.path.exists() else ()
        return [(place, _record(place, data)) for place, data in lines]

    def write(self, records: Iterable[ReviewRecord]) -> None:
        """In one step."""
        write_rows((record.model_dump(exclude_defaults=True) for record in records), self.path)


def _record(place: str, data: dict[str, Any]) -> ReviewRecord:
    try:
        return ReviewRecord.model_validate(data)
    except ValidationError as error:
        raise DataError(f"{place}: {explain(error, data)}") from None
