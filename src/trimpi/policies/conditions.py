"""Rules of a policy that can be read without a model, and where two of them contradict each other.

A rule is a sentence or a list item "If CONDITION [and CONDITION ...], [then] ACTION." or "ACTION if CONDITION [and
...].", a condition "SUBJECT is|are VALUE [or VALUE ...]" or "SUBJECT is|are RELATION NUMBER [UNIT]" with over, above,
more than, at least, under, below, less than, at most. An action is wanted, allowed ("may") or forbidden ("do not",
"never", "must not", "may not", ...). Everything else is passed over, so that nothing is found does not say that nothing
is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Literal

RELATIONS = {
    "over": (">", False),
    "above": (">", False),
    "more than": (">", False),
    "at least": (">", True),
    "under": ("<", False),
    "below": ("<", False),
    "less than": ("<", False),
    "at most": ("<", True),
}
SENTENCE = re.compile(r"(?:(?<=[.;:])[ \t]+|\n|^[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+)", re.MULTILINE)
IF_FIRST = re.compile(
    r"(?:if|when)\s+(?P<conditions>[^,]{1,300}(?:,\s*and\s[^,]{1,300}){0,5}),\s*(?:then\s+)?(?P<action>.+)",
    re.IGNORECASE,
)
IF_LAST = re.compile(r"(?P<action>[^,]{1,300}?)\s+(?:if|when)\s+(?P<conditions>.{1,300})", re.IGNORECASE)
BOUND = re.compile(
    rf"(?P<subject>.+?)\s+(?:is|are)\s+(?P<relation>{'|'.join(RELATIONS)})\s+[$€£]?(?P<number>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>.*)",
    re.I,
)
VALUES = re.compile(r"(?P<subject>.+?)\s+(?:is|are)\s+(?P<not>not\s+)?(?P<values>.+)", re.I)
ARTICLE = re.compile(r"^(?:the|a|an|its|their)\s+", re.I)
Force = Literal["wanted", "allowed", "forbidden"]
FORCES: tuple[tuple[Force, re.Pattern[str]], ...] = (
    (
        "forbidden",
        re.compile(
            r"(?:please\s+)?(?:you\s+)?"
            r"(?:(?:do|must|may|can|should|shall)(?:\s+not|n['’]t)|cannot|can['’]t|(?:must\s+)?never)\s+"
        ),
    ),
    ("allowed", re.compile(r"(?:you\s+)?(?:may|can)\s+")),
    ("wanted", re.compile(r"(?:please\s+)?(?:you\s+)?(?:(?:must|should|shall)\s+)?(?:always\s+)?")),
)
"""What an action may begin with, in the order in which it is looked for; the last is there always."""
OPPOSITES = (
    (
        {"accept", "allow", "approve", "grant", "permit"},
        {"decline", "deny", "disallow", "forbid", "prohibit", "refuse", "reject"},
    ),
    ({"enable"}, {"disable"}),
    ({"include"}, {"exclude"}),
)
"""Verbs that cannot both be done to one thing, on either side."""
LONGEST_RULE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`; a closed end belongs to them."""

    low: float = -inf
    high: float = inf
    low_closed: bool = False
    high_closed: bool = False

    def meets(self, other: Range) -> float | None:
        """A number in both, if there is one."""
        low = max((self.low, not self.low_closed), (other.low, not other.low_closed))
        high = min((self.high, self.high_closed), (other.high, other.high_closed))
        if low[0] < high[0]:
            ends = (low[0], high[0])
            if inf not in ends and -inf not in ends:
                return (low[0] + high[0]) / 2
            return low[0] + 1 if high[0] == inf and low[0] != -inf else high[0] - 1 if high[0] != inf else 0.0
        return low[0] if low[0] == high[0] and not low[1] and high[1] else None


Condition = Range | frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions by their subject, all of which must hold, and what is then to be done. `line` from 1."""

    line: int
    text: str
    conditions: tuple[tuple[str, Condition], ...]
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is to be done, `verb` and what follows it, and whether it is to be."""

    force: Force
    verb: str
    rest: str

    def excludes(self, other: Action) -> bool:
        """Whether doing as one says breaks the other.

        Forbidden is what was named and any kind of it: "do not refund" excludes "refund in cash", and not the other way
        round. Wanted with different verbs may both be carried out ("refund it", "write to them"), unless the verbs are
        opposites.
        """
        if "forbidden" in (self.force, other.force):
            return self._forbids(other) or other._forbids(self)
        if "allowed" in (self.force, other.force):
            return _opposite(self, other)
        return (self.verb == other.verb and self.rest != other.rest) or _opposite(self, other)

    def _forbids(self, other: Action) -> bool:
        same = f"{other.verb} {other.rest} ".startswith(f"{self.verb} {self.rest}".rstrip() + " ")
        return self.force == "forbidden" != other.force and same


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two rules that hold for the same case, named in `case`, and want different things."""

    first: Rule
    second: Rule
    case: str


def read_rules(document: str) -> Iterator[Rule]:
    """The rules of a document that can be read, in order."""
    position = 0
    for sentence in SENTENCE.split(document):
        start = document.index(sentence, position)
        position = start + len(sentence)
        text = " ".join(sentence.split()).rstrip(".;")
        if len(text) <= LONGEST_RULE and (rule := _read_rule(text, document.count("\n", 0, start) + 1)) is not None:
            yield rule


def contradictions(rules: Sequence[Rule]) -> Iterator[Contradiction]:
    """Pairs of rules on exactly the same subjects that a case meets both of, with actions that exclude each other."""
    read = [(rule, _read_action(rule.action)) for rule in rules]
    for (first, action), (second, other) in combinations(read, 2):
        if not action.excludes(other):
            continue
        case = _shared_case(dict(first.conditions), dict(second.conditions))
        if case is not None:
            yield Contradiction(first=first, second=second, case=case)


def _read_rule(text: str, line: int) -> Rule | None:
    match = IF_FIRST.fullmatch(text) or IF_LAST.fullmatch(text)
    if match is None or "?" in text:
        return None
    read = [_read_condition(words) for words in re.split(r",?\s+and\s+", match["conditions"])]
    conditions = [condition for condition in read if condition is not None]
    subjects = {subject for subject, _ in conditions}
    if len(conditions) < len(read) or len(subjects) < len(conditions):
        return None
    return Rule(line=line, text=text, conditions=tuple(conditions), action=_plain(match["action"]))


def _read_condition(words: str) -> tuple[str, Condition] | None:
    bound = BOUND.fullmatch(words.strip())
    if bound is not None:
        number = float(bound["number"].replace(",", ""))
        sign, closed = RELATIONS[bound["relation"].lower()]
        subject = f"{_plain(bound['subject'])} {_plain(bound['unit'])}".strip()
        return subject, (
            Range(low=number, low_closed=closed) if sign == ">" else Range(high=number, high_closed=closed)
        )
    values = VALUES.fullmatch(words.strip())
    if values is None or values["not"]:
        return None
    return _plain(values["subject"]), frozenset(_plain(one) for one in re.split(r",\s*|\s+or\s+", values["values"]))


def _shared_case(one: dict[str, Condition], other: dict[str, Condition]) -> str | None:
    """A case that meets both, in words; None when there is none, or the rules ask about different things."""
    if set(one) != set(other):
        return None
    words = []
    for subject, condition in one.items():
        against = other[subject]
        if isinstance(condition, Range) and isinstance(against, Range):
            number = condition.meets(against)
            if number is None:
                return None
            words.append(f"{subject} {number:g}")
        elif isinstance(condition, frozenset) and isinstance(against, frozenset):
            shared = condition & against
            if not shared:
                return None
            words.append(f"{subject} {min(shared)}")
        else:
            return None
    return ", ".join(words)


def _read_action(words: str) -> Action:
    force, beginning = next((force, match) for force, pattern in FORCES if (match := pattern.match(words)))
    verb, _, rest = words[beginning.end() :].partition(" ")
    return Action(force=force, verb=verb, rest=ARTICLE.sub("", rest))


def _opposite(one: Action, other: Action) -> bool:
    verbs = {one.verb, other.verb}
    return one.rest == other.rest and any(verbs & yes and verbs & no for yes, no in OPPOSITES)


def _plain(words: str) -> str:
    return ARTICLE.sub("", " ".join(words.split()).strip(" .*_`")).casefold()
