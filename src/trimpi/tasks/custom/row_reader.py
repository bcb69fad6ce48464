"""Rows of a user's own task read from JSON lines: strict, and every error says where.

A line is {"id", "policy"?, "prompt", "images"?, "answer", "cot"?, "sections"?}. `prompt` is a text, or chat messages
(chat.py); `images` are paths relative to the folder, which nothing leaves. `answer` is a text, or any JSON value, a
tool call among them: {"name": ..., "arguments": {...}}. `policy` names one of several policies. `sections` are ids or
headings of the sections that decide the answer. Line ends in texts are read as \\n, as in policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import BeforeValidator, Field, ValidationError

from trimpi.errors import DataError
from trimpi.policies.policy import one_line_end
from trimpi.recipe.messages import explain
from trimpi.recipe.strict import StrictModel
from trimpi.rewards.json_answer import write_json
from trimpi.rewards.response import can_be_boxed, read_response, write_response
from trimpi.tasks.custom.chat import ChatMessage, read_chat
from trimpi.tasks.custom.places import check_image, inside
from trimpi.types import ImagePart, Message

BYTE_ORDER_MARK = "\ufeff"
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character; JSON's escapes can write one alone."""


def as_messages(prompt: Any) -> Any:
    """A text alone as the one message of the user that it is short for."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


class RowData(StrictModel):
    """A line as it is written."""

    id: str = Field(min_length=1)
    policy: str | None = None
    prompt: Annotated[list[ChatMessage], BeforeValidator(as_messages), Field(min_length=1)]
    images: list[str] = Field(default_factory=list)
    answer: Any
    cot: str | None = None
    sections: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line read. `place` is file:line; the last of `turns` is the request, with its images first."""

    place: str
    id: str
    policy: str | None
    turns: tuple[Message, ...]
    answer: str
    cot: str | None
    sections: tuple[str, ...] | None

    @property
    def request(self) -> str:
        return str(self.turns[-1].parts[-1])

    @property
    def images(self) -> tuple[Path, ...]:
        """Of the request."""
        return self.turns[-1].images


def read_rows(file: Path, folder: Path) -> tuple[Row, ...]:
    """Every row of a file, whose images lie in `folder`. Raises DataError naming file and line."""
    return tuple(read_row(data, place=place, folder=folder) for place, data in read_lines(file))


def read_row(data: dict[str, Any], *, place: str, folder: Path) -> Row:
    """A row from its JSON object; `place` is named in what is raised: DataError."""
    try:
        row = RowData.model_validate(data)
    except ValidationError as error:
        raise DataError(f"{place}: {explain(error, data)}") from None
    try:
        turns = read_chat(row.prompt, row.images, partial(_image, folder))
        answer = _answer(row.answer)
        _refuse_markup(row.cot, answer)
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    return Row(
        place=place,
        id=row.id,
        policy=row.policy,
        turns=turns,
        answer=answer,
        cot=row.cot,
        sections=None if row.sections is None else tuple(row.sections),
    )


def read_lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of a file, each with its file:line. Raises DataError, as `text_lines` and `read_object` do."""
    for place, line in text_lines(file):
        yield place, read_object(line, place)


def text_lines(file: Path) -> Iterator[tuple[str, str]]:
    """The lines of a file, each with its file:line; blank ones are passed over.

    Raises DataError for a missing file and one that is no UTF-8.
    """
    if not file.is_file():
        raise DataError(f"no rows at {file}: write one JSON object per line (trimpi init DIR shows how)")
    try:
        text = file.read_bytes().decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{file}:{number}", line


def read_object(line: str, place: str) -> dict[str, Any]:
    """A line's JSON object, every line end in its texts a \\n.

    Raises DataError, which begins with `place`, for anything else, a key twice, or half a character.
    """
    try:
        data = _plain(json.loads(line, object_pairs_hook=_without_repeats, parse_constant=_refuse))
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not valid JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not valid JSON: {error or 'nested too deep'}") from None
    if not isinstance(data, dict):
        raise DataError(f"{place}: a {type(data).__name__}; allowed is one JSON object per line")
    return data


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        repeated = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {repeated!r} is there twice")
    return members


def _plain(value: Any) -> Any:
    """The same JSON with one kind of line end, and with nothing that neither files nor tokenizers take."""
    if isinstance(value, str):
        half = SURROGATE.search(value)
        if half:
            raise ValueError(f"the escape {half[0]!r} is half a character, and the other half is missing")
        return one_line_end(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _image(folder: Path, named: str) -> Path:
    path = inside(folder, named, what="image")
    check_image(path)
    return path


def _answer(given: Any) -> str:
    """The answer's text; other JSON than a text is written as one line."""
    answer = given if isinstance(given, str) else write_json(given)
    if not answer.strip() or given is None:
        raise DataError("answer is empty: give the gold answer")
    if not can_be_boxed(answer):
        raise DataError(
            f"answer {answer[:80]!r} cannot be read back from \\boxed{{}}: close every brace, and write no box in it"
        )
    return answer.strip()


def _refuse_markup(cot: str | None, answer: str) -> None:
    if cot is not None and not read_response(write_response(cot, answer)).well_formed:
        raise DataError("cot holds <think> or </think>: write the reasoning alone, tags are put around it")


def request_parts(row: Row) -> tuple[tuple[Message, ...], str, tuple[Path, ...]]:
    """A row's turns as `Example` holds them: those before the request, its text, its images."""
    return row.turns[:-1], row.request, tuple(part.path for part in row.turns[-1].parts if isinstance(part, ImagePart))
