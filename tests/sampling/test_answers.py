from __future__ import annotations

from pathlib import Path

import pytest

from trimpi.errors import DataError, EndpointError
from trimpi.sampling.endpoint import Answer, open_answers

FIRST = Answer(text="ü\u2028\n\x85", finish_reason="stop", prompt_tokens=3, completion_tokens=None)
SECOND = Answer(text="", finish_reason=None)


def write(path: Path) -> bytes:
    with open_answers(path) as store:
        store.keep("a", FIRST)
        store.keep("b", SECOND)
    return path.read_bytes()


def test_what_is_kept_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.jsonl"
    write(path)
    with open_answers(path) as store:
        assert (store.get("a"), store.get("b"), store.get("c")) == (FIRST, SECOND, None)


def test_wherever_the_last_line_is_cut_off_the_lines_before_it_stay_and_it_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    whole = write(path)
    first_line = whole.index(b"\n") + 1
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        with open_answers(path) as store:
            assert store.get("a") == (FIRST if length >= first_line - 1 else None)
            assert store.get("b") == (SECOND if length >= len(whole) - 1 else None)
            store.keep("c", FIRST)
        with open_answers(path) as store:
            assert store.get("c") == FIRST
            assert store.get("a") == (FIRST if length >= first_line - 1 else None)


@pytest.mark.parametrize("line", [b"{", b"\xff", b"[]", b"", b'{"key": "a"}', b'{"text": 1}'])
def test_a_line_that_is_not_the_last_and_no_answer_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(line + b"\n" + write(path))
    with (
        pytest.raises(DataError, match=r"answers\.jsonl, line 1 is not an answer: delete that line"),
        open_answers(path),
    ):
        pass


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with (
        open_answers(path),
        pytest.raises(EndpointError, match="another process keeps its answers in"),
        open_answers(path),
    ):
        pass
    with open_answers(path):
        pass


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EndpointError, match="choose another folder"), open_answers(tmp_path / "file" / "answers.jsonl"):
        pass


def test_a_full_disk_leaves_no_half_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answers.jsonl"
    before = write(path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with open_answers(path) as store:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(EndpointError, match=r"No space left on device.*make room"):
            store.keep("c", FIRST)
        assert store.get("c") is None
    assert path.read_bytes() == before
