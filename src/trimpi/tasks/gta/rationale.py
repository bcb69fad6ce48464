"""The gold chain of thought of an item: why this tool comes next, and which rule gives its version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trimpi.tasks.gta.items import Item, Profile
from trimpi.tasks.gta.policy_text import write_accounts
from trimpi.tasks.gta.request import gold_call
from trimpi.tasks.gta.rules import (
    TIP_BOX,
    TIP_IMAGES,
    TIP_NAMES,
    TIP_RESULTS,
    AccountIn,
    Condition,
    RuleBook,
    VersionRule,
)
from trimpi.tasks.gta.tools import split_version

REASONS = {
    "Calculator": "The numbers are known. Work out {expression}.",
    "OCR": "The text in {image} is needed. Read it.",
    "CountGivenObject": "The number of {text} in {image} is needed. Count.",
    "GoogleSearch": "A fact has to be looked up. Search for {query}.",
    "RegionAttributeDescription": "The {attribute} of a region in {image} is needed.",
    "TextToBbox": "It is not known where {text} is in {image}. Find the box.",
    "Plot": "The numbers are known. Draw the chart.",
    "MathOCR": "The expression in {image} is needed. Read it.",
    "Solver": "The equation is known. Solve it.",
    "DrawBox": "The place is known. Draw the box on {image}.",
    "AddText": "Text is wanted on {image}. Write {text}.",
    "TextToImage": "A new image is wanted. Make it from {keywords}.",
    "ImageStylization": "A changed {image} is wanted. {instruction}.",
}
"""Why a tool comes next, where the data set gives no thought of its own."""
UNKNOWN_REASON = "The next step is {tool}."
THOUGHT_LIMIT = 300
ARGUMENT_LIMIT = 120
THINK_TAG = re.compile(r"<(/?think)>")


def write_rationale(item: Item, book: RuleBook) -> str:
    """The reasoning that leads to `gold_call(item, book)`, one step per line; the last line names the call.

    First the data set's thought or else the reason for the tool, then what the tips ask, then every check of the
    profile that decides the version: "Credits 730 over 500? Yes." Raises DataError as `gold_call` does.
    """
    name = gold_call(item, book).tool
    tool, _ = split_version(name)
    lines = [_reason(item, tool)]
    lines += _math_check(item, book, tool)
    lines += _tip_checks(item, book, tool)
    lines += _profile_checks(book.rules_of(tool), item.profile)
    lines.append(f"Call {name}.")
    return THINK_TAG.sub(r"(\1)", "\n".join(lines))


def applied_rules(item: Item, book: RuleBook) -> tuple[str, ...]:
    """Ids of the rules that shape an item's gold call, in the book's order. Raises DataError as `gold_call` does."""
    tool, _ = split_version(gold_call(item, book).tool)
    _, rule = book.version_of(tool, item.profile)
    applied = {rule.id} if rule is not None else set()
    if book.math_rule is not None and tool == book.math_rule.instead:
        applied.add(book.math_rule.id)
    if tool == "ImageDescription" and len(item.images) > 1:
        applied.add(TIP_IMAGES)
    if tool == "RegionAttributeDescription":
        applied.add(TIP_BOX)
    if any(argument.type == "image" for argument in book.tool(tool).arguments):
        applied.add(TIP_NAMES)
    if tool == "GoogleSearch":
        applied.add(TIP_RESULTS)
    return tuple(id for id in book.rule_ids if id in applied)


def _reason(item: Item, tool: str) -> str:
    if item.thought is not None and item.thought.strip():
        return _short(item.thought, THOUGHT_LIMIT)
    if tool == "ImageDescription":
        return _description_reason(item)
    arguments = {name: _short(str(value), ARGUMENT_LIMIT) for name, value in item.call.arguments.items()}
    try:
        return REASONS.get(tool, UNKNOWN_REASON).format_map({**arguments, "tool": tool})
    except KeyError:  # an argument that the sentence speaks of is not in the call
        return UNKNOWN_REASON.format(tool=tool)


def _description_reason(item: Item) -> str:
    image = item.call.arguments.get("image")
    waiting = [name for name in item.images if name not in _described(item)]
    if image not in waiting:
        return f"What {image} shows is needed. Describe it."
    return f"Not described yet: {', '.join(waiting)}. Describe {image}."


def _described(item: Item) -> set[str]:
    """The images that past calls described."""
    return {
        str(past.call.arguments.get("image"))
        for past in item.history
        if split_version(past.call.tool)[0] == "ImageDescription"
    }


def _math_check(item: Item, book: RuleBook, tool: str) -> Iterator[str]:
    rule = book.math_rule
    if rule is None or tool not in (rule.tool, rule.instead):
        return
    question = f"Mathematical expressions in {item.call.arguments.get('image')}?"
    yield f"{question} Yes, so {rule.instead}." if tool == rule.instead else f"{question} No, so {rule.tool}."


def _tip_checks(item: Item, book: RuleBook, tool: str) -> Iterator[str]:
    arguments = item.call.arguments
    if tool == "RegionAttributeDescription" and TIP_BOX in book.rule_ids and "bbox" in arguments:
        yield _box_source(item, str(arguments["bbox"]))
    if tool == "GoogleSearch" and TIP_RESULTS in book.rule_ids and str(arguments.get("k")) in ("1", "4"):
        verdict = "Yes" if str(arguments["k"]) == "4" else "No"
        yield f"Question open-ended? {verdict}, so k = {arguments['k']}."


def _box_source(item: Item, box: str) -> str:
    for past in item.history:
        if split_version(past.call.tool)[0] == "TextToBbox" and box in past.returned:
            return f"TextToBbox gave the box {box}."
    return f"The box is {box}."


def _profile_checks(rules: tuple[VersionRule, ...], profile: Profile) -> Iterator[str]:
    """The rules in order up to the one that applies; a condition that an earlier answer settles is not asked."""
    known: dict[Condition, bool] = {}
    for rule in rules:
        for condition in rule.conditions:
            yield from _ask(condition, profile, known)
            if not known[condition]:
                break
        else:
            if rule.decider is not None:
                yield from _ask(rule.decider, profile, known)
            return


def _ask(condition: Condition, profile: Profile, known: dict[Condition, bool]) -> Iterator[str]:
    if condition not in known:
        holds = condition.holds(profile)
        known[condition], known[condition.opposite] = holds, not holds
        yield f"{_question(condition, profile)}? {'Yes' if holds else 'No'}."


def _question(condition: Condition, profile: Profile) -> str:
    if isinstance(condition, AccountIn):
        return f"Account {profile.account_type} is {write_accounts(condition)}"
    value = getattr(profile, condition.quantity)
    return f"{condition.quantity.capitalize()} {value} {condition.relation} {condition.number}"


def _short(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit].rstrip() + "..."
