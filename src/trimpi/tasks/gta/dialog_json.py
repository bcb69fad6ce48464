"""GTA's dataset.json, field by field: what each dialog says, and why a dialog or a call cannot be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimpi.errors import DataError
from trimpi.recipe.messages import explain
from trimpi.tasks.gta.tools import Argument, Tool


class _Record(BaseModel):
    """A data set may carry more than is read: links, outputs, evaluation notes."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class FileRecord(_Record):
    """A file that the request comes with, by its path in the data set's folder."""

    type: str = "image"
    path: str = Field(min_length=1)


class InputRecord(_Record):
    """An argument of a tool."""

    name: str = Field(min_length=1)
    type: str = "text"
    description: str | None = None
    optional: bool | None = False
    default: Any = None


class ToolRecord(_Record):
    """A tool that the request may use."""

    name: str = Field(min_length=1)
    description: str | None = None
    inputs: list[InputRecord] = []


class TurnRecord(_Record):
    """A turn of the dialog. Calls stay as they are: one that is malformed must not cost the others."""

    role: Literal["user", "assistant", "tool"]
    content: Any = None
    tool_calls: Any = None
    thought: str | None = None
    name: str | None = None
    error: Any = None


class DialogRecord(_Record):
    """One entry of dataset.json."""

    tools: list[ToolRecord] = []
    files: list[FileRecord] = []
    dialogs: list[TurnRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A call as the data set has it. `returned` is None until a tool's turn gives it; `error` says that it failed."""

    number: int
    name: str
    arguments: Any
    thought: str | None
    returned: str | None = None
    error: str | None = None


def read_dialog_records(file: Path) -> Mapping[str, DialogRecord | str]:
    """Every dialog of a dataset.json by its key, in order; the reason instead where one is malformed.

    Raises DataError when the file is missing, is not JSON, has a key twice, or is not an object of dialogs.
    """
    content = _read_json(file)
    if not isinstance(content, dict) or not content:
        raise DataError(f'{file} holds no dialogs: allowed is an object such as {{"0": {{"files": [..], ..}}, ..}}')
    return {key: _dialog_record(entry) for key, entry in content.items()}


def recorded_calls(record: DialogRecord) -> tuple[str, list[RecordedCall]]:
    """The user's words and the calls in order, calls made at once one after the other, each with its returned value.

    Raises ValueError saying why the dialog cannot be followed.
    """
    query: list[str] = []
    calls: list[RecordedCall] = []
    for place, turn in enumerate(record.dialogs):
        if turn.role == "user":
            if calls:
                raise ValueError(f"turn {place} is a second request: give each request a dialog of its own")
            query.append(_text(turn.content))
        elif turn.role == "assistant" and turn.tool_calls:
            calls += _calls_of(turn, place, first=len(calls) + 1)
        elif turn.role == "tool":
            _give_back(turn, place, calls)
    if not "".join(query).strip():
        raise ValueError("no user turn says anything: a request needs words")
    if not calls:
        raise ValueError("no assistant turn calls a tool: there is nothing to learn from it")
    return "\n".join(query).strip(), calls


def find_tool(name: str, tools: tuple[Tool, ...]) -> Tool:
    """The tool that is meant: case, spaces and signs do not count, so that text_to_bbox is TextToBbox.

    Raises ValueError naming the tools there are.
    """
    for tool in tools:
        if _plain(tool.name) == _plain(name):
            return tool
    raise ValueError(f"it calls {name!r}; the tools are {', '.join(tool.name for tool in tools)}")


def read_arguments(given: Any, tool: Tool) -> dict[str, Any]:
    """The arguments of a call under the tool's own names, from an object or an object written as JSON.

    Raises ValueError for anything else, for an argument the tool does not have, and for a required one left out.
    """
    if isinstance(given, str):
        try:
            given = _strict_json(given)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its arguments are not valid JSON ({error})") from None
    if not isinstance(given, dict):
        raise ValueError(f"its arguments are {type(given).__name__}; allowed is an object, or one written as JSON")
    names = {_plain(argument.name): argument.name for argument in tool.arguments}
    arguments: dict[str, Any] = {}
    for name, value in given.items():
        known = names.get(_plain(name))
        if known is None or known in arguments:
            problem = "twice" if known else "which it does not have"
            raise ValueError(
                f"it gives {tool.name} the argument {name!r} {problem}; allowed are {', '.join(names.values())}"
            )
        # An optional argument left empty is one that is not given.
        if value is not None:
            arguments[known] = value
    missing = [argument.name for argument in tool.arguments if argument.required and argument.name not in arguments]
    if missing:
        raise ValueError(f"it gives {tool.name} no {' and no '.join(missing)}")
    return arguments


def exact_image_name(given: Any, names: Mapping[str, Path], returned: list[str]) -> str:
    """The name of the dialog's image that is meant by a path or a bare file name; images that calls made are kept.

    Raises ValueError naming the images there are.
    """
    value = str(given)
    if value in names:
        return value
    path = PurePosixPath(value.replace("\\", "/"))
    alike = [name for name in names if PurePosixPath(name) == path] or [
        name for name in names if PurePosixPath(name).name == path.name
    ]
    if len(alike) == 1:
        return alike[0]
    if value and any(value in text for text in returned):
        return value
    raise ValueError(f"it names the image {value!r}; the dialog has {', '.join(names) or 'none'}")


def tool_of(record: ToolRecord) -> Tool:
    """A tool without versions, as the data set describes it. Raises DataError for a name that cannot be used."""
    return Tool(
        name=record.name,
        description=record.description or "",
        arguments=tuple(
            Argument(
                name=given.name,
                type=given.type,
                description=given.description or "",
                required=not given.optional,
                default=given.default,
            )
            for given in record.inputs
        ),
    )


def _dialog_record(entry: Any) -> DialogRecord | str:
    if not isinstance(entry, dict):
        return f"it is {type(entry).__name__}; allowed is an object with files and dialogs"
    try:
        return DialogRecord.model_validate(entry)
    except ValidationError as error:
        return explain(error, entry)


def _calls_of(turn: TurnRecord, place: int, first: int) -> list[RecordedCall]:
    if not isinstance(turn.tool_calls, list):
        raise ValueError(f"turn {place}: tool_calls is {type(turn.tool_calls).__name__}; allowed is a list of calls")
    calls = []
    for number, call in enumerate(turn.tool_calls, start=first):
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ValueError(f'turn {place}: call {number} has no name; allowed is {{"function": {{"name": ..}}}}')
        calls.append(
            RecordedCall(
                number=number,
                name=function["name"],
                arguments=function.get("arguments", {}),
                thought=turn.thought,
                error=_text(turn.error) if turn.error else None,
            )
        )
    return calls


def _give_back(turn: TurnRecord, place: int, calls: list[RecordedCall]) -> None:
    """Give a tool's turn to the earliest call of that tool that still waits for its value."""
    for index, call in enumerate(calls):
        if call.returned is None and (turn.name is None or _plain(turn.name) == _plain(call.name)):
            returned = _text(turn.content)
            failed = isinstance(turn.content, dict) and turn.content.get("type") == "error"
            error = _text(turn.error) if turn.error else returned if failed else call.error
            calls[index] = replace(call, returned=returned, error=error)
            return
    raise ValueError(f"turn {place} gives a value of {turn.name!r}, which no call waits for")


def _text(content: Any) -> str:
    """The words of a turn: plain, {"type", "content"}, or a list of such."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict) and ("content" in content or "text" in content):
        return _text(content.get("content", content.get("text")))
    if isinstance(content, list):
        return "\n".join(_text(part) for part in content)
    return "" if content is None else json.dumps(content, ensure_ascii=False)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _read_json(file: Path) -> Any:
    try:
        return _strict_json(file.read_bytes().decode())
    except json.JSONDecodeError as error:
        raise DataError(f"{file} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise DataError(f"{file} is not a file of dialogs: it is nested too deeply") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{file} cannot be used: {error}") from None


def _strict_json(text: str) -> Any:
    """JSON without what its readers keep silent about: a key that is there twice, and NaN. Raises ValueError."""
    return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse_constant)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twin!r} is there twice in one object; give each key once")
    return content


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a value of JSON; give a number")
