"""JSON answers: valid by a JSON Schema, then compared field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

from trimpi.errors import RecipeError
from trimpi.rewards.grade import RIGHT, Grade, Grader, wrong
from trimpi.rewards.response import without_lone_braces
from trimpi.rewards.similarity import ExactText, TextSimilarity
from trimpi.rewards.tool_call import read_json, same_json

MISSING = object()


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises RecipeError saying where a schema is wrong, or when it refers to anything outside itself."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as problem:
        where = ".".join(map(str, problem.path)) or "its root"
        raise RecipeError(f"the JSON Schema is wrong at {where}: {problem.message}") from None
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise RecipeError(
                f"the JSON Schema refers to {reference!r}; allowed are references within it, such as '#/$defs/item'"
            )


def grade_json(
    schema: Mapping[str, Any] | None,
    fields: Sequence[str] | None = None,
    *,
    text_fields: Sequence[str] = (),
    similarity: TextSimilarity | None = None,
) -> Grader:
    """The mean over the fields, each 1 when equal; 0 for what is no JSON or not valid by the schema.

    Fields are the keys of either object, or `fields` alone; a value that is no object is one field. `text_fields` are
    compared by `similarity` where both are texts. Numbers are equal by value, texts up to white space.
    """
    validator = None if schema is None else Draft202012Validator(schema)
    compare_texts = similarity or ExactText()

    def grade(answer: str, gold: str) -> Grade:
        wanted, given = read_json(gold), read_json(answer)
        if isinstance(wanted, str):
            return wrong(f"the gold answer is no JSON ({wanted})", "no_gold_json")
        if isinstance(given, str):
            return wrong(f"no JSON: {given}", "malformed")
        problem = None if validator is None else best_match(validator.iter_errors(given[0]))
        if problem is not None:
            where = ".".join(map(str, problem.absolute_path))
            return wrong(f"not valid by the schema{f' at {where}' if where else ''}: {problem.message[:200]}", "schema")
        scores = _compare(given[0], wanted[0], fields, text_fields, compare_texts)
        value = fmean(scores.values()) if scores else 1.0
        off = [name for name, score in scores.items() if score < RIGHT]
        if not off:
            return Grade(value=1.0, reason="every field equals the gold's", parts=scores)
        return Grade(value=value, reason=f"wrong fields: {', '.join(off)[:200]}", parts=scores, error=f"field:{off[0]}")

    return grade


def _compare(
    given: Any, gold: Any, fields: Sequence[str] | None, text_fields: Sequence[str], similarity: TextSimilarity
) -> dict[str, float]:
    if not isinstance(given, dict) or not isinstance(gold, dict):
        return {"value": float(same_json(given, gold))}
    names = list(fields) if fields is not None else [*gold, *(name for name in given if name not in gold)]
    scores = {}
    for name in names:
        one, other = given.get(name, MISSING), gold.get(name, MISSING)
        if one is MISSING or other is MISSING:
            scores[name] = float(one is other)
        elif name in text_fields and isinstance(one, str) and isinstance(other, str):
            scores[name] = similarity.score(one, other)
        else:
            scores[name] = float(same_json(one, other))
    return scores


def _references(schema: Any) -> list[str]:
    if isinstance(schema, Mapping):
        own = [value for key, value in schema.items() if key in ("$ref", "$dynamicRef") and isinstance(value, str)]
        return own + [found for value in schema.values() for found in _references(value)]
    if isinstance(schema, list):
        return [found for value in schema for found in _references(value)]
    return []


def write_json(value: Any) -> str:
    """A value as one line of JSON that can stand between the braces of a boxed answer.

    Raises ValueError for what JSON cannot say, such as NaN.
    """
    return without_lone_braces(json.dumps(value, ensure_ascii=False, allow_nan=False))
