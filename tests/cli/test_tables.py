"""Tables of suites, as they are printed."""

from __future__ import annotations

import io

from rich.console import Console

from evaluation.test_wording import result
from trimpi.cli.tables import suite_tables


def printed(*results: object) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO())
    for table in suite_tables("nano", results):  # type: ignore[arg-type]
        console.print(table)
    return [" ".join(line.split()) for line in console.export_text().splitlines() if line.strip()]


def test_a_suite_is_a_row_with_every_outcome_and_its_interval() -> None:
    lines = printed(result("accuracy", {}))
    assert lines[1] == "suite n accuracy 95 % interval majority wrong no answer truncated tokens"
    assert lines[-1] == "accuracy 4 25.0% 5.0% - 70.0% 50.0% 1 1 1 8"


def test_tags_get_rows_of_their_own_with_their_intervals() -> None:
    tags = {"edit": {"one rule": {"n": 29, "correct": 1}, "all [rules]": {"n": 20, "correct": 0}}}
    lines = printed(result("accuracy", {}), result("override", {}, per_tag=tags))
    assert "override: edit one rule 29 3.4% 0.6% - 17.2%" in lines
    assert "override: edit all [rules] 20 0.0% 0.0% - 16.1%" in lines


def test_without_tags_there_is_one_table() -> None:
    assert len(suite_tables("nano", [result("accuracy", {})])) == 1
