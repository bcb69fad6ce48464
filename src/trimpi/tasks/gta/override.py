"""Updated calling rules for Policy Override: versions change, and the update says so (paper, Override)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimpi.errors import DataError
from trimpi.tasks.gta.policy_text import write_rule
from trimpi.tasks.gta.rules import GTA_RULES, RuleBook, VersionRule
from trimpi.tasks.gta.tools import Tool

RESAMPLED = 2
"""Tools whose versions are sampled anew, beside OCR's fixed update."""
OCR_VERSIONS = {"ocr.1": (1, None), "ocr.2": (2, 3), "ocr.3": (4, 5)}
"""The update of GTA's own OCR rules: version and version otherwise by rule id."""


def override_rules(book: RuleBook, seed: int) -> RuleBook:
    """The same tools, conditions and rule ids with some versions replaced; the same for the same seed.

    GTA's OCR rules always get OCR_VERSIONS. RESAMPLED other tools, or all when there are fewer, get their versions
    exchanged so that every profile's version of them changes. Raises DataError when no tool has two versions.
    """
    rng = random.Random(f"override-{seed}")
    tools = _exchangeable(book)
    updated: dict[str, VersionRule] = {}
    if book.rules_of("OCR") == GTA_RULES.rules_of("OCR"):
        updated = {rule.id: _with_versions(rule, *OCR_VERSIONS[rule.id]) for rule in book.rules_of("OCR")}
        tools = [tool for tool in tools if tool.name != "OCR"]
    for tool in rng.sample(tools, min(RESAMPLED, len(tools))):
        exchanged = _exchange(tool.versions, rng)
        updated |= {rule.id: _exchanged(rule, exchanged) for rule in book.rules_of(tool.name)}
    return replace(book, version_rules=tuple(updated.get(rule.id, rule) for rule in book.version_rules))


def override_every_rule(book: RuleBook, seed: int) -> RuleBook:
    """The versions of every tool that has two of them exchanged, so that every profile's version changes.

    Raises DataError when no tool has two versions.
    """
    rng = random.Random(f"override-every-rule-{seed}")
    exchanged = {tool.name: _exchange(tool.versions, rng) for tool in _exchangeable(book)}
    rules = (_exchanged(rule, exchanged[rule.tool]) if rule.tool in exchanged else rule for rule in book.version_rules)
    return replace(book, version_rules=tuple(rules))


def override_one_rule(book: RuleBook, seed: int, decided: Mapping[str, int]) -> RuleBook:
    """Other versions in one rule: of those of tools with two versions, the one that decides most requests.

    `decided` counts requests by rule id. The first of several. Raises DataError when no tool has two versions.
    """
    names = {tool.name for tool in _exchangeable(book)}
    chosen = max((rule for rule in book.version_rules if rule.tool in names), key=lambda rule: decided.get(rule.id, 0))
    exchanged = _exchange(book.tool(chosen.tool).versions, random.Random(f"override-one-rule-{seed}"))
    rules = (_exchanged(rule, exchanged) if rule == chosen else rule for rule in book.version_rules)
    return replace(book, version_rules=tuple(rules))


def write_update(book: RuleBook, updated: RuleBook) -> str:
    """The text of an update: which tools' rules it replaces, and all of the new rules of these tools.

    Raises DataError when nothing changed.
    """
    tools = changed_tools(book, updated)
    if not tools:
        raise DataError("the update changes no rule: override with another seed, or leave the update out")
    lines = [f"Updated rules. They replace all earlier rules on {', '.join(tools)}:"]
    lines += [f"- {write_rule(rule)}" for tool in tools for rule in updated.rules_of(tool)]
    return "\n".join(lines)


def changed_tools(book: RuleBook, updated: RuleBook) -> Sequence[str]:
    """The tools whose rules on versions differ, in the book's order."""
    return [tool.name for tool in book.tools if book.rules_of(tool.name) != updated.rules_of(tool.name)]


def _exchangeable(book: RuleBook) -> list[Tool]:
    """The tools with two versions or more."""
    tools = [tool for tool in book.tools if tool.versions > 1]
    if not tools:
        raise DataError("these rules cannot be overridden: no tool has two versions to exchange")
    return tools


def _exchanged(rule: VersionRule, exchanged: Mapping[int, int]) -> VersionRule:
    otherwise = None if rule.otherwise is None else exchanged[rule.otherwise]
    return _with_versions(rule, exchanged[rule.version], otherwise)


def _with_versions(rule: VersionRule, version: int, otherwise: int | None) -> VersionRule:
    return replace(rule, version=version, otherwise=otherwise)


def _exchange(versions: int, rng: random.Random) -> dict[int, int]:
    """A new version for each, none its own."""
    numbers = list(range(1, versions + 1))
    while True:
        shuffled = rng.sample(numbers, versions)
        if all(old != new for old, new in zip(numbers, shuffled, strict=True)):
            return dict(zip(numbers, shuffled, strict=True))
