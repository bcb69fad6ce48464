from __future__ import annotations

from pathlib import Path

import pytest

from trimpi.stages.json_lines import append_lines, keep_lines_until, read_lines


def test_lines_after_the_checkpoint_and_a_line_cut_short_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    append_lines(file, [{"step": 1}, {"step": 2, "text": "ü\n"}])
    append_lines(file, [{"step": 3}])
    with file.open("ab") as open_file:
        open_file.write('{"step": 2, "te": "ü'.encode()[:-1])
    keep_lines_until(file, 2)
    assert read_lines(file) == [{"step": 1}, {"step": 2, "text": "ü\n"}]
    keep_lines_until(file, 0)
    assert read_lines(file) == []


def test_a_file_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    keep_lines_until(tmp_path / "none.jsonl", 2)
    assert read_lines(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085"])
def test_text_with_other_line_ends_is_one_line(tmp_path: Path, end: str) -> None:
    file = tmp_path / "rollouts.jsonl"
    records = [{"step": 1, "text": f"one{end}two"}, {"step": 2, "text": end}]
    append_lines(file, records)
    assert read_lines(file) == records
    keep_lines_until(file, 1)
    assert read_lines(file) == records[:1]
