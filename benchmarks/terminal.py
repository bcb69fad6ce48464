"""A benchmark's rows on the terminal."""

from __future__ import annotations

from rich.table import Table

from benchmarks.storage import Result
from benchmarks.wording import duration, facts, ratio


def table(result: Result) -> Table:
    """Cases one after the other, a line between them."""
    drawn = Table("case", "contestant", "median", "ratio", "runs", "also", title=result.title, title_justify="left")
    before = None
    for row in result.rows:
        if before not in (None, row.case):
            drawn.add_section()
        drawn.add_row(
            "" if before == row.case else row.case,
            row.contestant,
            duration(row.seconds),
            ratio(row.ratio),
            str(row.runs),
            facts(row),
        )
        before = row.case
    drawn.caption = f"ratio: how many times as long as {result.reads}"
    return drawn
