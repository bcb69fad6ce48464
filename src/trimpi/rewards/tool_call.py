"""How well a tool call answers: the tool with its version, and each argument by its kind (paper, GTAPolicy)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, NoReturn

from trimpi.errors import DataError
from trimpi.rewards.arithmetic import same_value
from trimpi.rewards.boxes import overlap, read_box
from trimpi.rewards.similarity import TextSimilarity

ArgumentKind = Literal["exact", "text", "expression", "box"]
CallError = Literal["none", "no_answer", "malformed", "wrong_tool", "wrong_version", "wrong_argument"]

ARGUMENT_KINDS: Mapping[str, ArgumentKind] = {
    **dict.fromkeys(("position", "color", "image", "k", "top1"), "exact"),
    **dict.fromkeys(("attribute", "text", "query", "command", "annotation", "keywords", "instruction"), "text"),
    "expression": "expression",
    "bbox": "box",
}
"""What the paper compares each argument of GTA's tools by. Any other argument is `exact`."""

TOOL_WEIGHT = 0.5
ARGUMENT_WEIGHT = 0.5
RIGHT = 1 - 1e-6
"""An argument that scores less is wrong; similarities carry float noise."""

MAX_CHARACTERS = 50_000
MAX_DIGITS = 300
MAX_DEPTH = 20
NUMBER = re.compile(r"[-+]?[0-9]{1,30}(?:\.[0-9]{0,30})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCall:
    """A tool call as it was written: `name` with its version, `arguments` as JSON values."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScore:
    """How a call did: `tool` 0 or 1, `argument` in [0, 1], the mean of `arguments`, which scores each field by name.

    `error` is the first that applies in the order of CallError's names after "none"; `wrong_arguments` are the fields
    that score less than RIGHT, missing and added ones among them, whatever `error` is. `reason` says it in words.
    """

    tool: float
    argument: float
    arguments: Mapping[str, float]
    error: CallError
    wrong_arguments: Sequence[str]
    reason: str

    @property
    def overall(self) -> float:
        """The metric and the accuracy reward, in [0, 1]."""
        return TOOL_WEIGHT * self.tool + ARGUMENT_WEIGHT * self.argument


def read_json(text: str) -> tuple[Any] | str:
    """The value of a JSON text, alone in a tuple; or why it is none.

    Duplicate keys, NaN, infinities, numbers over MAX_DIGITS digits, lone surrogates, nesting over MAX_DEPTH and texts
    over MAX_CHARACTERS are refused. Never raises.
    """
    if len(text) > MAX_CHARACTERS:
        return f"{len(text)} characters, over {MAX_CHARACTERS}"
    try:
        read = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_refuse
        )
        json.dumps(read, ensure_ascii=False).encode()  # a lone surrogate could not be stored
    except RecursionError:
        return f"nested deeper than {MAX_DEPTH}"
    except ValueError as problem:
        return f"not JSON: {problem}"
    return f"nested deeper than {MAX_DEPTH}" if _deeper_than(MAX_DEPTH, read) else (read,)


def read_call(text: str) -> ReadCall | str:
    """The call of one JSON object {"name": ..., "arguments": {...}} and nothing else; or why it is none.

    Unknown keys are refused, and what `read_json` refuses. Never raises.
    """
    value = read_json(text)
    if isinstance(value, str):
        return value
    (read,) = value
    if not isinstance(read, dict) or set(read) != {"name", "arguments"}:
        return 'not a JSON object of exactly "name" and "arguments"'
    if not isinstance(read["name"], str) or not isinstance(read["arguments"], dict):
        return '"name" is not text, or "arguments" is not an object'
    return ReadCall(name=read["name"], arguments=read["arguments"])


def score_call(
    answer: str | None, gold: str, *, kinds: Mapping[str, ArgumentKind], similarity: TextSimilarity
) -> CallScore:
    """Score the boxed answer (None: nothing was boxed) against the gold call, both JSON.

    The argument score is the mean over the fields of either call; a field that one of them lacks scores 0. Two calls
    without arguments agree. Whatever `answer` is, this does not raise; DataError when `gold` is no call.
    """
    expected = read_call(gold)
    if isinstance(expected, str):
        raise DataError(f"the gold answer {gold[:80]!r} is no tool call: {expected}; write it as one JSON object")
    if answer is None or not answer.strip():
        return _unread("no_answer", "no \\boxed{} answer", expected)
    given = read_call(answer)
    if isinstance(given, str):
        return _unread("malformed", given, expected)
    names = [*expected.arguments, *(name for name in given.arguments if name not in expected.arguments)]
    scores = {name: _score_argument(name, given, expected, kinds.get(name, "exact"), similarity) for name in names}
    wrong = tuple(name for name, score in scores.items() if score < RIGHT)
    error, reason = _first_error(given.name, expected.name, wrong)
    return CallScore(
        tool=float(given.name == expected.name),
        argument=fmean(scores.values()) if scores else 1.0,
        arguments=scores,
        error=error,
        wrong_arguments=wrong,
        reason=reason,
    )


def _unread(error: CallError, reason: str, expected: ReadCall) -> CallScore:
    scores = dict.fromkeys(expected.arguments, 0.0)
    return CallScore(
        tool=0.0, argument=0.0, arguments=scores, error=error, wrong_arguments=tuple(scores), reason=reason
    )


def _first_error(given: str, expected: str, wrong: Sequence[str]) -> tuple[CallError, str]:
    if given == expected:
        return (
            ("wrong_argument", f"wrong arguments: {', '.join(wrong)[:200]}") if wrong else ("none", "equals the gold")
        )
    error: CallError = "wrong_version" if _unversioned(given) == _unversioned(expected) else "wrong_tool"
    return error, f"calls {given[:80]!r}, expected {expected!r}"


def _unversioned(name: str) -> str:
    base, mark, version = name.rpartition("_v")
    return base if mark and version.isdecimal() else name


def _score_argument(
    name: str, given_call: ReadCall, gold_call: ReadCall, kind: ArgumentKind, similarity: TextSimilarity
) -> float:
    if name not in given_call.arguments or name not in gold_call.arguments:
        return 0.0
    given, gold = given_call.arguments[name], gold_call.arguments[name]
    if same_json(given, gold):
        return 1.0
    if kind == "exact" or isinstance(given, bool | None):
        return 0.0
    if kind == "box":
        boxes = read_box(_written(given)), read_box(_written(gold))
        return overlap(boxes[0], boxes[1]) if boxes[0] and boxes[1] else 0.0
    if isinstance(given, dict | list):
        return 0.0
    if kind == "expression":
        return float(same_value(_written(given), _written(gold)))
    return similarity.score(_written(given), _written(gold))


def same_json(given: Any, gold: Any) -> bool:
    """Equal up to white space; a number equals its text, true and false equal theirs in any case."""
    if isinstance(given, bool) or isinstance(gold, bool):
        return _tidy(given).casefold() == _tidy(gold).casefold()
    given_text, gold_text = _tidy(given), _tidy(gold)
    if NUMBER.fullmatch(given_text) and NUMBER.fullmatch(gold_text):
        return float(given_text) == float(gold_text)
    return given_text == gold_text and isinstance(given, dict | list) == isinstance(gold, dict | list)


def _tidy(value: Any) -> str:
    """The value as text, with single spaces, and none beside commas and inside brackets: "(10, 20)" is "(10,20)"."""
    text = " ".join(_written(value).split())
    for loose, tight in ((" ,", ","), (", ", ","), ("( ", "("), (" )", ")")):
        text = text.replace(loose, tight)
    return text


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of over {MAX_DIGITS} digits")
    return int(digits)


def _decimal(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number too large")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _deeper_than(depth: int, value: Any) -> bool:
    """Whether objects and lists lie deeper in `value` than `depth`; level by level, for no recursion limit to meet."""
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _members(outer)]
    return any(isinstance(inner, dict | list) for inner in level)


def _members(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value
