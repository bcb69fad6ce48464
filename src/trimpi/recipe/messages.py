"""Validation errors in words a user can act on: key, value given, what is allowed."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trimpi.recipe.strict import UNKNOWN_KEY

EXPECTED_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "finite_number": "a finite number",
    "path_type": "a path",
}
BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}

TAGS = {
    "stages": "vm_cpt, direct_sft, cot_sft, soft_prompt or rl",
    "scenes": "rendered or directory",
    "data": "generated or directory",
    "task": "clevr, gta or custom",
    "sampler": "local or vllm",
    "generator": "model or endpoint",
    "content": "text, image or image_url",
    "reward": "exact, choice, json, regex, numeric, similarity, tool_call, judge or function",
}
SECRET = ("api_key_env", "base_url")
"""What may have been given a key by mistake is not repeated."""


def explain(error: ValidationError, data: Any) -> str:
    """All that is wrong with `data`, in one line."""
    return "; ".join(_explain_one(detail, data) for detail in error.errors())


def _explain_one(detail: ErrorDetails, data: Any) -> str:
    key = ".".join(_given_path(detail["loc"], data))
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == UNKNOWN_KEY:
        return f"in {key}: {detail['msg']}" if key else detail["msg"]
    if kind == "missing":
        return f"{key} is missing: give it a value"
    if kind == "union_tag_not_found":
        return f"{key} must be a mapping with a `type`: {_allowed_tags(detail)}"
    if kind == "union_tag_invalid":
        return f"{key}.type is {context['tag']!r}; allowed are {context['expected_tags']}"
    if kind == "value_error":
        problem = str(context["error"])
        given = detail["input"]
        long = isinstance(given, dict) or (isinstance(given, list) and any(isinstance(one, dict) for one in given))
        untold = long or detail["loc"][-1] in SECRET
        return f"{key}: {problem}" if untold else f"{key} is {given!r}; {problem}"
    return f"{key or 'the recipe'} is {_shorten(detail['input'])}; allowed is {_allowed(detail)}"


def _allowed(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in EXPECTED_TYPES:
        return EXPECTED_TYPES[kind]
    if kind in BOUNDS:
        return BOUNDS[kind].format(**context)
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "string_pattern_mismatch":
        return "letters, digits, '.', '_' and '-', starting with a letter or digit"
    if kind == "too_short" and context["min_length"] > 1:
        return f"at least {context['min_length']} of them"
    if kind in ("string_too_short", "too_short"):
        return "anything but empty"
    return detail["msg"]


def _allowed_tags(detail: ErrorDetails) -> str:
    names = [part for part in detail["loc"] if part in TAGS]
    return TAGS[str(names[-1])]


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _given_path(location: tuple[int | str, ...], data: Any) -> list[str]:
    """The location as the user wrote it: pydantic puts the chosen `type` of a union into it, which is no key."""
    path: list[str] = []
    for part in location:
        if isinstance(data, dict) and part not in data and part == data.get("type"):
            continue
        path.append(str(part))
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
    return path
