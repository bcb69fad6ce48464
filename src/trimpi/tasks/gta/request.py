"""The request of an item: who asks, for what, what was called so far; and the call that answers it, as JSON."""

from __future__ import annotations

import json

from trimpi.errors import DataError
from trimpi.rewards.response import without_lone_braces
from trimpi.tasks.gta.items import Call, Item, PastCall
from trimpi.tasks.gta.rules import RuleBook
from trimpi.tasks.gta.tools import split_version, versioned

RETURNED_LIMIT = 1000
"""Characters of a returned value that the request shows; a longer one is cut and marked."""
CUT_MARK = " [cut]"
INSTRUCTION = 'What is the next call? Answer with one JSON object {"name": ..., "arguments": {...}}.'


def write_request(item: Item, book: RuleBook, updated_rules: str | None = None) -> str:
    """The text of a request: profile, images by name, query, past calls with what they returned, the instruction.

    `book` holds the rules the past calls were made under; a past call without version gets the one they demand.
    `updated_rules` is an update that stands before the instruction (override.py). Raises DataError naming the item when
    a past call cannot be written.
    """
    profile = item.profile
    lines = [f"Account: {profile.account_type}. Credits: {profile.credits}. Age: {profile.age}."]
    if item.images:
        lines.append(f"Images: {', '.join(item.images)}.")
    lines.append(f"Request: {item.query.strip()}")
    if not item.history:
        lines.append("Calls so far: none.")
    else:
        lines.append("Calls so far:")
        try:
            for past in item.history:
                lines += [write_call(_as_made(past, item, book)), f"It returned: {_shown(past.returned)}"]
        except DataError as error:
            raise DataError(f"item {item.id!r}, a past call: {error}") from None
    if updated_rules is not None:
        lines.append(updated_rules.strip())
    lines.append(INSTRUCTION)
    return "\n".join(lines)


def gold_call(item: Item, book: RuleBook) -> Call:
    """The right call: the item's, in the version the rules demand, and MathOCR instead of OCR where they say so.

    Raises DataError naming the item when the book does not have its tool.
    """
    try:
        return _by_rules(item.call, item, book)
    except DataError as error:
        raise DataError(f"item {item.id!r}: {error}") from None


def write_call(call: Call) -> str:
    """The call as one line of JSON, {"name": ..., "arguments": {...}}, that can stand between the braces of an answer.

    Raises DataError for arguments that JSON cannot say, such as NaN.
    """
    try:
        text = json.dumps({"name": call.tool, "arguments": dict(call.arguments)}, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"the arguments of {call.tool} cannot be JSON ({error}): give texts, numbers, lists") from None
    return without_lone_braces(text)


def _as_made(past: PastCall, item: Item, book: RuleBook) -> Call:
    _, version = split_version(past.call.tool)
    return _by_rules(past.call, item, book) if version is None else past.call


def _by_rules(call: Call, item: Item, book: RuleBook) -> Call:
    tool, _ = split_version(call.tool)
    maths = book.math_rule
    if maths is not None and tool == maths.tool and call.arguments.get("image") in tuple(item.math_images):
        tool = maths.instead
    version, _ = book.version_of(tool, item.profile)
    return Call(tool=versioned(tool, version), arguments=call.arguments)


def _shown(returned: str) -> str:
    text = returned.strip()
    return text if len(text) <= RETURNED_LIMIT else text[:RETURNED_LIMIT].rstrip() + CUT_MARK
