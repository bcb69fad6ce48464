"""Fills the figures of docs/performance.md from the results on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.storage import Result
from benchmarks.wording import duration, facts, ratio
from trimpi.errors import DataError

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def write_figures(results: Sequence[Result], page: Path = PAGE) -> None:
    """Replace what stands between the page's two markers. Raises DataError without results or without markers."""
    if not results:
        raise DataError("there are no results in runs/bench to write down: run python -m benchmarks first")
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DataError(f"{page} must hold the lines {BEGIN} and {END}, in this order: the figures go between them")
    tables = "\n\n".join(table(result) for result in results)
    page.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}")


def table(result: Result) -> str:
    """A result as Markdown: where it was measured, then a line for every row."""
    machine = result.machine
    where = machine["device"] if machine["device"] != "cpu" else machine["processor"]
    threads = f"{machine['threads']} thread" + ("" if machine["threads"] == 1 else "s")
    small = ", small sizes (`--quick`)" if result.quick else ""
    lines = [
        f"### {result.title}",
        "",
        f"Model {result.model}, {where}, {threads}{small}. The last column but one is in times of *{result.reads}*.",
        "",
        "| case | contestant | median | ratio | also |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.case} | {row.contestant} | {duration(row.seconds)} | {ratio(row.ratio)} | {facts(row)} |"
        for row in result.rows
    ]
    return "\n".join(lines)
