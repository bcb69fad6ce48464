"""From a recipe's reward to what grades answers.

A function of the user's own, "module:function", is called as `function(answer, row)`: `answer` is the boxed text,
`row` a mapping with id, policy, prompt, answer (the gold one), cot, images (paths) and sections. It returns a number in
[0, 1], 1 for a right answer.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trimpi.errors import DataError, RecipeError
from trimpi.policies import Policy
from trimpi.recipe.rewards import (
    ChoiceReward,
    ExactReward,
    FunctionReward,
    JsonReward,
    JudgeReward,
    NumericReward,
    RegexReward,
    RewardConfig,
    SimilarityReward,
    ToolCallReward,
)
from trimpi.rewards.grade import RIGHT, Grade, Grader
from trimpi.rewards.json_answer import check_schema, grade_json
from trimpi.rewards.numeric import grade_numeric
from trimpi.rewards.similarity import BertScore, ExactText, TextSimilarity
from trimpi.rewards.texts import compile_pattern, grade_choice, grade_exact, grade_pattern, grade_similarity
from trimpi.rewards.tool_call import score_call
from trimpi.tasks.custom.judge import Judge, grade_by
from trimpi.tasks.custom.places import inside
from trimpi.types import Example

ExampleGrader = Callable[[str, Example], Grade]
"""Judges an answer, never empty, to an example."""


def build_grader(
    reward: RewardConfig,
    *,
    folder: Path,
    policies: Mapping[str, Policy],
    golds: Sequence[str],
    judge: Judge | None,
) -> ExampleGrader:
    """What grades answers; `golds` are the gold answers of the training rows.

    Raises RecipeError for a wrong schema, pattern or function, and for a judge where nobody can ask one.
    """
    if isinstance(reward, JudgeReward):
        if judge is None:
            raise RecipeError("the reward `judge` asks an endpoint, which nothing here can: use it in a trimpi command")
        asked = judge
        return lambda answer, example: grade_by(
            asked,
            policies[example.policy_name],
            example,
            answer,
            least=reward.least,
            max_tokens=reward.max_new_tokens,
        )
    if isinstance(reward, FunctionReward):
        return _grade_by_function(reward.function, load_function(reward.function, folder))
    grader = _grader(reward, folder, golds)
    return lambda answer, example: grader(answer, example.answer)


def _grader(reward: Any, folder: Path, golds: Sequence[str]) -> Grader:
    match reward:
        case ExactReward():
            return grade_exact
        case ChoiceReward():
            choices = reward.choices or list(dict.fromkeys(golds))
            if len(choices) < 2:
                raise RecipeError("the reward `choice` needs two choices or more: give task.reward.choices")
            return grade_choice(choices)
        case JsonReward():
            schema = None if reward.json_schema is None else _schema(reward.json_schema, folder)
            similarity = _similarity(reward.similarity, reward.encoder)
            return grade_json(schema, reward.fields, text_fields=reward.text_fields, similarity=similarity)
        case RegexReward():
            if reward.pattern is not None:
                compile_pattern(reward.pattern.replace("{gold}", ""))
            return grade_pattern(reward.pattern, ignore_case=reward.ignore_case)
        case NumericReward():
            return grade_numeric(absolute=reward.absolute, relative=reward.relative)
        case SimilarityReward():
            return grade_similarity(_similarity(reward.similarity, reward.encoder), reward.least)
        case ToolCallReward():
            return _grade_call(reward)
    raise AssertionError(f"no such reward: {reward}")


def _similarity(kind: str, encoder: Path | None) -> TextSimilarity:
    return ExactText() if kind == "exact" else BertScore(encoder)


def _schema(named: str, folder: Path) -> Mapping[str, Any]:
    file = inside(folder, named, what="the JSON Schema")
    try:
        schema = json.loads(file.read_bytes())
    except ValueError as error:
        raise RecipeError(f"the JSON Schema {file} is not valid JSON: {error}") from None
    if not isinstance(schema, dict):
        raise RecipeError(f"the JSON Schema {file} is a {type(schema).__name__}; allowed is an object")
    try:
        check_schema(schema)
    except RecipeError as error:
        raise RecipeError(f"{file}: {error}") from None
    return schema


def _grade_call(reward: ToolCallReward) -> Grader:
    similarity = _similarity(reward.similarity, reward.encoder)

    def grade(answer: str, gold: str) -> Grade:
        score = score_call(answer, gold, kinds=reward.arguments, similarity=similarity)
        parts = {"tool": score.tool, "argument": score.argument}
        error = None if score.error == "none" else score.error
        value = 1.0 if error is None else min(score.overall, RIGHT - 1e-6)
        return Grade(value=value, reason=score.reason, parts=parts, error=error)

    return grade


def load_function(named: str, folder: Path) -> Callable[[str, Mapping[str, Any]], Any]:
    """The function "module:function". Modules are looked for where Python does, and last in the task's folder.

    Raises RecipeError when there is none, or when importing its module fails.
    """
    module_name, _, name = named.partition(":")
    try:
        with _importable(folder.resolve()):
            module = importlib.import_module(module_name)
    except Exception as error:  # importing runs the user's code, which may raise anything
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise RecipeError(
                f"task.reward names {named!r}, but there is no module {error.name!r}: put "
                f"{module_name.replace('.', '/')}.py into {folder}, or install it"
            ) from None
        raise RecipeError(
            f"task.reward names {named!r}, but importing {module_name!r} fails with {type(error).__name__}: {error}; "
            "mend it, or install what it needs"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise RecipeError(f"task.reward names {named!r}, but {module.__file__} has no function {name!r}")
    return function


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules of `folder` can be imported, behind all others. They are forgotten at the end, since those of another
    task's folder may have the same names.
    """
    place = str(folder)
    if place in sys.path:
        yield
        return
    before = set(sys.modules)
    sys.path.append(place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            root, file = name.partition(".")[0], Path(getattr(sys.modules[name], "__file__", None) or "/")
            if file == folder / f"{root}.py" or file.is_relative_to(folder / root):
                del sys.modules[name]


def _grade_by_function(named: str, function: Callable[[str, Mapping[str, Any]], Any]) -> ExampleGrader:
    def grade(answer: str, example: Example) -> Grade:
        row = {
            "id": example.id,
            "policy": example.policy_name,
            "prompt": example.prompt,
            "answer": example.answer,
            "cot": example.cot,
            "images": [str(image) for image in example.all_images],
            "sections": list(example.meta.get("sections", ())),
        }
        try:
            value = function(answer, row)
        except Exception as error:  # whatever the user's code raises, where it does has to be said
            raise DataError(
                f"the reward {named} raised {type(error).__name__} ({error}) on the answer {answer[:80]!r} to the row "
                f"{example.id!r}: it must return a number for any answer"
            ) from error
        number = float(value) if isinstance(value, bool | int | float) else math.nan
        if not 0 <= number <= 1:
            raise DataError(
                f"the reward {named} returned {value!r} on the answer {answer[:80]!r} to the row {example.id!r}; "
                "allowed is a number from 0 to 1"
            )
        return Grade(value=number, reason=f"{named} gives {number:g}; the gold answer is {example.answer!r}")

    return grade
