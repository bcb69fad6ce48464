from pathlib import Path

import pytest

from trimpi.errors import RunError
from trimpi.evaluation.storage import read_jsonl, write_atomically


def test_a_last_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert read_jsonl(path) == [{"step": 1}, {"step": 2}]


def test_a_damaged_line_is_named_by_file_and_number(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2 is not JSON"):
        read_jsonl(path)


def test_writing_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    write_atomically(path, "a long first version")
    write_atomically(path, "short")
    assert path.read_text() == "short"
    assert list(path.parent.iterdir()) == [path]
