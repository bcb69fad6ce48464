"""Rows, and what is made of them: files, words, tables, the picture, the figures of the docs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from benchmarks.rows import seconds_of
from benchmarks.storage import load, save
from benchmarks.wording import duration, ratio
from PIL import Image
from rich.console import Console
from tests.benchmarks.by_hand import result

from benchmarks import documentation, figure, terminal
from trimpi.errors import DataError


def test_a_row_has_the_median_and_its_ratio_to_the_references() -> None:
    ours, theirs, *_ = result().rows
    assert (ours.seconds, ours.ratio, ours.runs) == (2.0, 1.0, 3)
    assert (theirs.seconds, theirs.ratio, theirs.runs) == (5.0, 2.5, 1)


def test_who_was_left_out_has_no_seconds() -> None:
    assert seconds_of(result().rows, "short", "theirs") == 5.0
    assert seconds_of(result().rows, "long", "theirs") is None


def test_a_result_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    save(result(), tmp_path)
    assert load("example", tmp_path) == result()
    assert load("another", tmp_path) is None


def test_a_damaged_result_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "example.json").write_text('{"rows": []}')
    with pytest.raises(
        DataError, match=r"example\.json is not a benchmark's result .* run python -m benchmarks example"
    ):
        load("example", tmp_path)


@pytest.mark.parametrize(("seconds", "words"), [(0.0312, "31.2 ms"), (0.92, "920 ms"), (12.34, "12.3 s"), (None, "-")])
def test_durations_have_the_unit_that_suits(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("value", "words"), [(1.0, "1x"), (0.874, "0.87x"), (12.34, "12.3x"), (None, "-")])
def test_ratios_are_times_of_the_reference(value: float | None, words: str) -> None:
    assert ratio(value) == words


def test_the_table_says_every_row_and_what_ratios_are_of() -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(terminal.table(result()))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "2.50x" in shown
    assert "left out: more than 60 s" in shown
    assert "as long as ours" in shown


def test_only_measured_rows_beside_the_reference_are_drawn() -> None:
    assert [(row.case, row.contestant) for row in figure.bars_of(result())] == [("short", "theirs")]


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    path = figure.draw([result(), result(rows=[])], tmp_path)
    assert path == tmp_path / "bench.png"
    with Image.open(path) as picture:
        assert picture.width > picture.height


def test_without_a_ratio_there_is_no_picture(tmp_path: Path) -> None:
    assert figure.draw([result(rows=[])], tmp_path) is None


def test_figures_are_written_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{documentation.BEGIN}\nold\n{documentation.END}\nafter\n")
    documentation.write_figures([result()], page)
    documentation.write_figures([result()], page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("| short | theirs | 5 s | 2.50x | peak MB 12.5 |") == 1
    assert "Model nano, a processor, 2 threads." in text


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("no markers")
    with pytest.raises(DataError, match="must hold the lines"):
        documentation.write_figures([result()], page)


def test_the_docs_have_the_markers() -> None:
    page = (Path(__file__).parents[2] / documentation.PAGE).read_text()
    assert page.count(documentation.BEGIN) == page.count(documentation.END) == 1


def test_nothing_to_write_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run python -m benchmarks first"):
        documentation.write_figures([], tmp_path / "performance.md")
