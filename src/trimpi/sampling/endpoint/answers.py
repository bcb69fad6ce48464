"""Answers kept on disk as they come: JSON lines, so that none is asked for, and paid for, a second time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from threading import Lock

from trimpi.errors import DataError, EndpointError

TYPES: Mapping[str, tuple[type, ...]] = {
    "key": (str,),
    "text": (str,),
    "finish_reason": (str, type(None)),
    "prompt_tokens": (int, type(None)),
    "completion_tokens": (int, type(None)),
}
"""What a line holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an endpoint wrote and why it stopped; what it counted, None where it did not say."""

    text: str
    finish_reason: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class AnswerStore:
    """The answers in one file, by the key of their request. Made by `open_answers`; threads may share it."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self._file = file
        self._writing = Lock()
        self._answers = self._read()

    def get(self, key: str) -> Answer | None:
        return self._answers.get(key)

    def keep(self, key: str, answer: Answer) -> None:
        """Write one line and wait until the disk has it. Raises EndpointError when it cannot be written."""
        line = json.dumps({"key": key, **asdict(answer)}, ensure_ascii=False).encode() + b"\n"
        with self._writing:
            end = os.fstat(self._file.fileno()).st_size
            try:
                self._write(line)
            except OSError as error:
                with suppress(OSError):
                    self._file.truncate(end)
                raise EndpointError(
                    f"an answer cannot be kept in {self.path} ({error.strerror}): make room and start again; the "
                    "answers that are there are not asked for again"
                ) from None
            self._answers[key] = answer

    def _write(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += self._file.write(data[written:]) or 0
        os.fsync(self._file.fileno())

    def _read(self) -> dict[str, Answer]:
        """All lines; what a killed process left of its last one is cut off."""
        self._file.seek(0)
        *lines, last = self._file.readall().split(b"\n")
        answers: dict[str, Answer] = {}
        for number, line in enumerate(lines, start=1):
            kept = _parse(line)
            if kept is None:
                raise DataError(
                    f"{self.path}, line {number} is not an answer: delete that line, and it is asked for again"
                )
            answers.update(kept)
        if last and (kept := _parse(last)) is not None:
            self._write(b"\n")
            answers.update(kept)
        elif last:
            self._file.truncate(sum(len(line) + 1 for line in lines))
        return answers


@contextmanager
def open_answers(path: Path) -> Iterator[AnswerStore]:
    """The store in `path`, made if it is not there, held against other processes until the block ends.

    Raises EndpointError when another holds it, DataError for a line that is not an answer.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise EndpointError(f"answers cannot be kept in {path} ({error.strerror}): choose another folder") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EndpointError(f"another process keeps its answers in {path}: wait for it, or stop it") from None
        yield AnswerStore(path, file)


def _parse(line: bytes) -> dict[str, Answer] | None:
    """A line's answer by its key; None for anything else."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.keys() != TYPES.keys():
        return None
    if not all(isinstance(record[key], kinds) for key, kinds in TYPES.items()):
        return None
    return {record["key"]: Answer(**{name: value for name, value in record.items() if name != "key"})}
