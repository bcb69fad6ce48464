"""A rule book written as a policy, and its sentences on versions read back."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from trimpi.errors import DataError
from trimpi.policies import Policy
from trimpi.tasks.gta.items import ACCOUNT_TYPES
from trimpi.tasks.gta.rules import AccountIn, Bound, Condition, MathRule, RuleBook, VersionRule, rule_id
from trimpi.tasks.gta.tools import Argument, Tool, split_version, versioned

INTRODUCTION = "This policy says which tools there are and how to call them."
RULES_HEADING = "Calling rules"
VERSION_INTRODUCTION = "The user's profile decides the version, and the name in a call says it: _v3 for version 3."

_CONDITION = (
    r"(?:account is (?:[A-D], )*[A-D](?: or [A-D])?"
    r"|(?:credits are|age is) (?:over|at most|under|at least) [0-9]{1,9})"
)
_NAME = r"[A-Za-z][A-Za-z0-9_]*_v[1-9][0-9]{0,2}"
SENTENCE = re.compile(
    rf"(?:If (?P<conditions>{_CONDITION}(?: and {_CONDITION})*), use|Use) "
    rf"(?P<name>{_NAME})(?: if (?P<decider>{_CONDITION}), else (?P<otherwise>{_NAME}))?\."
)
RULE_LINE = re.compile(r"- (?:If|Use) .*_v[1-9]")


def write_policy(name: str, book: RuleBook) -> Policy:
    """The policy document: every tool with its arguments, then the rules, one bullet each."""
    lines = [f"# {name}", INTRODUCTION]
    for tool in book.tools:
        lines += _tool_lines(tool)
    lines.append(f"## {RULES_HEADING}")
    if book.version_rules:
        lines.append(VERSION_INTRODUCTION)
        lines += [f"- {write_rule(rule)}" for rule in book.version_rules]
    if book.math_rule is not None:
        lines.append(f"- {_math_sentence(book.math_rule)}")
    lines += [f"- {_one_line(tip.text)}" for tip in book.tips]
    return Policy(name=name, sections=("\n".join(lines) + "\n",))


def write_rule(rule: VersionRule) -> str:
    """A rule on versions as one sentence."""
    conditions = " and ".join(write_condition(condition) for condition in rule.conditions)
    use = f"If {conditions}, use" if conditions else "Use"
    choice = versioned(rule.tool, rule.version)
    if rule.decider is not None:
        choice += f" if {write_condition(rule.decider)}, else {versioned(rule.tool, rule.otherwise)}"
    return f"{use} {choice}."


def write_condition(condition: Condition) -> str:
    """ "account is A or B", "credits are over 500", "age is under 21"."""
    if isinstance(condition, AccountIn):
        return f"account is {write_accounts(condition)}"
    verb = "are" if condition.quantity == "credits" else "is"
    return f"{condition.quantity} {verb} {condition.relation} {condition.number}"


def write_accounts(condition: AccountIn) -> str:
    """ "A", "A or B", "A, B or C"."""
    *others, last = (account for account in ACCOUNT_TYPES if account in condition.accounts)
    return f"{', '.join(others)} or {last}" if others else last


def read_rules(text: str) -> tuple[VersionRule, ...]:
    """The rules on versions that a policy or an update states, numbered by tool in their order ("ocr.2").

    Other lines are passed over. Raises DataError naming a bullet that speaks of a version and cannot be read.
    """
    numbers: Counter[str] = Counter()
    rules = []
    for line in text.splitlines():
        sentence = SENTENCE.fullmatch(line.removeprefix("- ")) if line.startswith("- ") else None
        if sentence is not None:
            tool, version = _read_name(sentence["name"])
            numbers[tool] += 1
            rules.append(_rule(sentence, rule_id(tool, numbers[tool]), tool, version))
        elif RULE_LINE.match(line):
            raise DataError(
                f"the rule {line!r} cannot be read: write it as "
                f'"If credits are over 250 and age is under 21, use OCR_v4 if account is A or B, else OCR_v3."'
            )
    return tuple(rules)


def _rule(sentence: re.Match[str], id: str, tool: str, version: int) -> VersionRule:
    conditions = sentence["conditions"]
    otherwise = _read_name(sentence["otherwise"]) if sentence["otherwise"] else None
    if otherwise is not None and otherwise[0] != tool:
        raise DataError(f"the rule {sentence[0]!r} speaks of {tool} and of {otherwise[0]}: a rule is about one tool")
    return VersionRule(
        id=id,
        tool=tool,
        conditions=tuple(map(_read_condition, conditions.split(" and "))) if conditions else (),
        version=version,
        decider=_read_condition(sentence["decider"]) if sentence["decider"] else None,
        otherwise=otherwise[1] if otherwise is not None else None,
    )


def _read_name(name: str) -> tuple[str, int]:
    tool, version = split_version(name)
    assert version is not None
    return tool, version


def _read_condition(words: str) -> Condition:
    subject, _, rest = words.partition(" is " if " is " in words else " are ")
    if subject == "account":
        return AccountIn(frozenset(account for account in ACCOUNT_TYPES if account in rest))
    relation, _, number = rest.rpartition(" ")
    return Bound(subject, relation, int(number))  # type: ignore[arg-type]


def _math_sentence(rule: MathRule) -> str:
    return f"On an image with mathematical expressions use {rule.instead} instead of {rule.tool}."


def _tool_lines(tool: Tool) -> Sequence[str]:
    versions = f" (v1 to v{tool.versions})" if tool.versions > 1 else " (v1)" if tool.versions else ""
    lines = [f"## {tool.name}{versions}"]
    if tool.description.strip():
        lines.append(_one_line(tool.description))
    return [*lines, *(_argument_line(argument) for argument in tool.arguments)]


def _argument_line(argument: Argument) -> str:
    need = "required" if argument.required else "optional"
    if argument.default is not None:
        need = f"default {json.dumps(argument.default, ensure_ascii=False)}"
    description = f": {_one_line(argument.description)}" if argument.description.strip() else ""
    return f"- {_one_line(argument.name)} ({argument.type}, {need}){description}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
